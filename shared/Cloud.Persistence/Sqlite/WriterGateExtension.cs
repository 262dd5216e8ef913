using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Persistence.Sqlite;

/// <summary>Carries a database's writer gate in the options of its contexts.</summary>
internal sealed class WriterGateExtension(WriterGate gate) : IDbContextOptionsExtension
{
    public WriterGate Gate => gate;

    public DbContextOptionsExtensionInfo Info => new GateInfo(this);

    public void ApplyServices(IServiceCollection services)
    {
    }

    public void Validate(IDbContextOptions options)
    {
    }

    private sealed class GateInfo(WriterGateExtension extension) : DbContextOptionsExtensionInfo(extension)
    {
        public override bool IsDatabaseProvider => false;

        public override string LogFragment => "";

        public override int GetServiceProviderHashCode() => 0;

        public override bool ShouldUseSameServiceProvider(DbContextOptionsExtensionInfo other) => other is GateInfo;

        public override void PopulateDebugInfo(IDictionary<string, string> debugInfo)
        {
        }
    }
}
