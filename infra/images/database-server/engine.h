// What the first process of a database's container does in its engine's own way. FOLDER/data has the server's files.
#include <stdbool.h>

// They end a server in good order, and at once.
extern const int engine_stop_signal, engine_abort_signal;

// Before a start: what a server that died has left goes. None runs.
void engine_prepare(const char *folder);

// Has this process become the server; returns where it cannot.
void engine_become(const char *folder);

// The server takes connections. Asked again and again from its start until it does.
bool engine_is_ready(const char *folder);

// The server has ended, with this status of waitpid(2).
void engine_ended(const char *folder, int status);
