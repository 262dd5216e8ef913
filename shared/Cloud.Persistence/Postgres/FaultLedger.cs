using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Persistence.Postgres;

/// <summary>
/// Remembers for each context whether its last fault may be answered by trying again: not where what failed may have taken effect all the
/// same (a commit, a change outside of a transaction), and not where the server was tried often enough.
/// </summary>
internal static class FaultLedger
{
    private static readonly ConditionalWeakTable<DbContext, StrongBox<bool>> Final = [];

    public static void Begin(DbContext context) => Final.GetOrCreateValue(context).Value = false;

    public static void MarkFinal(DbContext? context)
    {
        if (context is not null)
        {
            Final.GetOrCreateValue(context).Value = true;
        }
    }

    public static bool IsFinal(DbContext context) => Final.TryGetValue(context, out var final) && final.Value;
}
