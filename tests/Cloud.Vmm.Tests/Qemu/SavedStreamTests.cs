using System.Buffers.Binary;
using System.Text;
using Cloud.Vmm.Qemu;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Tests.Qemu;

/// <summary>A state taken apart, and streams that no QEMU writes. That QEMU goes on from what is left is tested with the drivers.</summary>
public sealed class SavedStreamTests : IAsyncDisposable
{
    private const string Memory = "pc.ram";
    private const string Firmware = "pc.bios";
    private const int PageSize = 4096;
    private const int Pages = 130;
    private const ulong Zeros = 0x02;
    private const ulong SizesMark = 0x04;
    private const ulong Whole = 0x08;
    private const ulong EndOfSection = 0x10;
    private const ulong SameBlock = 0x20;
    private const byte SectionId = 2;

    private static readonly byte[] Devices = [0x04, 1, 2, 3, 4, 0, 9, 9];

    private readonly TestFolder _folder = new();

    public ValueTask DisposeAsync() => _folder.DisposeAsync();

    [Fact]
    public void Memory_GoesToItsFile_TheLastOfEachPage_AndAllElseStays()
    {
        var (memory, rest) = TakeApart(Stream(stream =>
        {
            stream.Page(Memory, 0, Whole, Filled(1));
            for (var page = 1; page < 100; page++)
            {
                stream.Page(null, page, Whole, Filled((byte)page));
            }

            stream.Page(null, 120, Zeros, [0]);
            stream.Page(Firmware, 0, Whole, Filled(0xF0));
            stream.Page(null, 1, Zeros, [0]);
            stream.EndSection();
            stream.Section(0x03);
            stream.Page(Memory, 7, Zeros, [0]);
            stream.Page(null, Pages - 1, Whole, Filled(0xEE));
            stream.Page(null, 0, Whole, Filled(2));
            stream.Page(Firmware, 0, Whole, Filled(0xF1));
        }, first: 0x02));
        PageOf(memory, 0).ShouldAllBe(one => one == 2);
        PageOf(memory, 1).ShouldAllBe(one => one == 1);
        PageOf(memory, 7).ShouldAllBe(one => one == 0);
        PageOf(memory, 99).ShouldAllBe(one => one == 99);
        PageOf(memory, 120).ShouldAllBe(one => one == 0);
        PageOf(memory, Pages - 1).ShouldAllBe(one => one == 0xEE);

        // As QEMU would write it of a machine whose memory it need not write.
        var expected = new StreamWriter();
        expected.Head(Pages);
        expected.Section(0x02);
        expected.Page(Firmware, 0, Whole, Filled(0xF0));
        expected.Page(null, 1, Zeros, [0]);
        expected.Page(null, 0, Whole, Filled(0xF1));
        expected.EndSection();
        expected.Section(0x03);
        expected.EndSection();
        rest.ShouldBe(expected.Bytes.Concat(Devices));
    }

    [Fact]
    public void Stream_OfAnotherSize_OrForm_IsRefused()
    {
        Refused(Stream(_ => { }, pages: Pages + 1)).ShouldContain("another size of memory");
        Refused(Stream(stream => stream.Page(Memory, Pages, Whole, Filled(1)))).ShouldContain("outside of memory");
        Refused(Stream(stream => stream.Page(Memory, -1, Whole, Filled(1)))).ShouldContain("outside of memory");
        Refused(Stream(stream => stream.Page(Memory, 0, Zeros, [1]))).ShouldContain("a page of 1");
        Refused(Stream(stream => stream.Page(Memory, 0, 0x40, [1]))).ShouldContain("kind 64");
        Refused(Stream(stream => stream.Page("", 0, Whole, Filled(1)))).ShouldContain("an empty name");
        Refused(Stream(stream => stream.Sizes(1))).ShouldContain("once more");
        Refused("This is no state, and longer than a head."u8.ToArray()).ShouldContain("its beginning");

        var several = new StreamWriter();
        several.Head(Pages);
        Refused(several.Bytes.Concat(several.Bytes.Skip(15)).ToArray()).ShouldContain("a section of kind 1");
        Refused(several.Bytes.Concat(Devices).ToArray()).ShouldContain("a section of kind 4");

        var endless = new StreamWriter();
        endless.Begin();
        endless.Sizes(1000);
        Refused(endless.Bytes).ShouldContain("more than 256 blocks");

        var nameless = new StreamWriter();
        nameless.Head(Pages, "other.ram");
        Refused(nameless.Bytes).ShouldContain("no memory of the name 'pc.ram'");
    }

    [Fact]
    public void Stream_CutAnywhere_IsRefused()
    {
        var whole = Stream(stream =>
        {
            stream.Page(Memory, 3, Whole, Filled(3));
            stream.Page(Firmware, 0, Zeros, [0]);
        });
        for (var length = 0; length < whole.Length - Devices.Length; length += length is > 120 and < 4100 ? 97 : 1)
        {
            Refused(whole[..length]).ShouldContain("cut short", customMessage: $"of {length} bytes");
        }
    }

    /// <summary>A whole stream with these pages in its last section of memory.</summary>
    private static byte[] Stream(Action<StreamWriter> write, int pages = Pages, byte first = 0x03)
    {
        var stream = new StreamWriter();
        stream.Head(pages);
        stream.Section(first);
        write(stream);
        stream.EndSection();
        return [.. stream.Bytes, .. Devices];
    }

    private string Refused(byte[] stream) => Should.Throw<VmException>(() => TakeApart(stream)).Message;

    private (byte[] Memory, byte[] Left) TakeApart(byte[] stream)
    {
        var path = Path.Combine(_folder.Path, "state");
        File.WriteAllBytes(path, stream);
        using var memory = Empty("memory");
        using var rest = Empty("rest");
        RandomAccess.SetLength(memory, Pages * PageSize);
        SavedStream.TakeApart(path, Memory, memory, rest, CancellationToken.None);
        return (Read(memory), Read(rest));
    }

    private SafeFileHandle Empty(string name) =>
        File.OpenHandle(Path.Combine(_folder.Path, name), FileMode.Create, FileAccess.ReadWrite);

    private static byte[] Read(SafeFileHandle file)
    {
        var bytes = new byte[RandomAccess.GetLength(file)];
        RandomAccess.Read(file, bytes, 0).ShouldBe(bytes.Length);
        return bytes;
    }

    private static byte[] Filled(byte with) => Enumerable.Repeat(with, PageSize).ToArray();

    private static IEnumerable<byte> PageOf(byte[] memory, int page) => memory.Skip(page * PageSize).Take(PageSize);

    /// <summary>Writes as QEMU does.</summary>
    private sealed class StreamWriter
    {
        private readonly List<byte> _bytes = [];

        public byte[] Bytes => [.. _bytes];

        public void Begin()
        {
            _bytes.AddRange([0x51, 0x45, 0x56, 0x4D, 0, 0, 0, 3, 0x07, 0, 0, 0, 2, (byte)'p', (byte)'c']);
            Section(0x01);
            Name("ram");
            _bytes.AddRange([0, 0, 0, 0, 0, 0, 0, 4]);
        }

        public void Sizes(int blocks)
        {
            Number((ulong)(blocks * PageSize) | SizesMark);
            for (var block = 0; block < blocks; block++)
            {
                Name($"block-{block}");
                Number(PageSize);
            }
        }

        public void Head(int pages, string memory = Memory)
        {
            Begin();
            Number((ulong)((pages + 2) * PageSize) | SizesMark);
            Name(memory);
            Number((ulong)(pages * PageSize));
            Name(Firmware);
            Number(2 * PageSize);
            EndSection();
        }

        public void Section(byte kind) => _bytes.AddRange([kind, 0, 0, 0, SectionId]);

        public void EndSection()
        {
            Number(EndOfSection);
            _bytes.AddRange([0x7E, 0, 0, 0, SectionId]);
        }

        /// <param name="block">Null for the same as before.</param>
        /// <param name="page">Its number.</param>
        /// <param name="kind">Its flags.</param>
        /// <param name="bytes">What is in it.</param>
        public void Page(string? block, int page, ulong kind, byte[] bytes)
        {
            Number((ulong)(page * (long)PageSize) | kind | (block is null ? SameBlock : 0));
            if (block is not null)
            {
                Name(block);
            }

            _bytes.AddRange(bytes);
        }

        private void Name(string name) => _bytes.AddRange([(byte)name.Length, .. Encoding.Latin1.GetBytes(name)]);

        private void Number(ulong number)
        {
            Span<byte> bytes = stackalloc byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64BigEndian(bytes, number);
            _bytes.AddRange(bytes);
        }
    }
}
