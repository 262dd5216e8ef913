namespace Cloud.Switch.Control;

/// <summary>Reads lines of bytes up to a length; a longer one ends the connection.</summary>
internal sealed class LineReader(Stream stream, int lengthMax)
{
    private byte[] _buffer = new byte[4096];
    private int _start;
    private int _end;

    /// <summary>The next line without its end, valid until the next call; null at the end of the stream.</summary>
    public async Task<ReadOnlyMemory<byte>?> ReadAsync()
    {
        var searched = _start;
        while (true)
        {
            var at = _buffer.AsSpan(searched, _end - searched).IndexOf((byte)'\n');
            if (at >= 0)
            {
                var line = _buffer.AsMemory(_start, searched + at - _start);
                _start = searched + at + 1;
                return line;
            }

            var length = _end - _start;
            if (length >= lengthMax)
            {
                throw new IOException("A line is too long.");
            }

            MakeRoom(length);
            searched = _end;
            var read = await stream.ReadAsync(_buffer.AsMemory(_end));
            if (read == 0)
            {
                return null;
            }

            _end += read;
        }
    }

    private void MakeRoom(int length)
    {
        if (_end < _buffer.Length)
        {
            return;
        }

        var room = length > _buffer.Length / 2 ? new byte[_buffer.Length * 2] : _buffer;
        _buffer.AsSpan(_start, length).CopyTo(room);
        (_buffer, _start, _end) = (room, 0, length);
    }
}
