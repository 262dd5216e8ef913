using System.Buffers.Binary;
using System.Text;
using Cloud.Vmm.RiscV.Disks;

namespace Cloud.Vmm.RiscV.Devices.Virtio.Scsi;

/// <summary>A CD-ROM drive with a disc in it (SPC-4, MMC-6): what a driver asks on its way to reading blocks.</summary>
internal sealed class ScsiCdRom(IDisk disc)
{
    private const int BlockSize = 2048;
    private const byte Good = 0;
    private const byte CheckCondition = 2;
    private const byte MediumError = 3;
    private const byte IllegalRequest = 5;
    private const byte DataProtect = 7;
    private const byte NoUnit = 0x7F;
    private const byte CdRomType = 5;

    private uint Blocks => (uint)Math.Min(disc.SizeBytes / BlockSize, uint.MaxValue);

    /// <summary>Runs a command; the answer's data fits into the room.</summary>
    internal ScsiAnswer Run(ReadOnlySpan<byte> command, int room, bool firstUnit)
    {
        var operation = (ScsiOperation)command[0];
        if (!firstUnit && operation is not (ScsiOperation.Inquiry or ScsiOperation.ReportLuns or ScsiOperation.RequestSense))
        {
            return Refuse(IllegalRequest, 0x25);
        }

        ScsiAnswer answer = operation switch
        {
            ScsiOperation.TestUnitReady or ScsiOperation.StartStop or ScsiOperation.PreventRemoval or ScsiOperation.Synchronize => Ok([]),
            ScsiOperation.RequestSense => Ok(Sense(0, 0)),
            ScsiOperation.Inquiry => Inquiry(command, firstUnit),
            ScsiOperation.ReadCapacity => Ok(Capacity()),
            ScsiOperation.Read10 => Read(BinaryPrimitives.ReadUInt32BigEndian(command[2..]),
                BinaryPrimitives.ReadUInt16BigEndian(command[7..]), room),
            ScsiOperation.Read12 => Read(BinaryPrimitives.ReadUInt32BigEndian(command[2..]),
                BinaryPrimitives.ReadUInt32BigEndian(command[6..]), room),
            ScsiOperation.ReportLuns => Ok([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            ScsiOperation.ReadToc => TableOfContents(command),
            ScsiOperation.ModeSense6 => Ok([3, 0, 0x80, 0]),
            ScsiOperation.ModeSense10 => Ok([0, 6, 0, 0x80, 0, 0, 0, 0]),
            ScsiOperation.GetEventStatus => Ok([0, 6, 4, 0x10, 0, 2, 0, 0]),
            ScsiOperation.GetConfiguration => Ok([0, 0, 0, 4, 0, 0, 0, 8]),
            ScsiOperation.Write10 => Refuse(DataProtect, 0x27),
            _ => Refuse(IllegalRequest, 0x20),
        };
        return answer.Data.Length > room ? answer with { Data = answer.Data[..room] } : answer;
    }

    private static ScsiAnswer Inquiry(ReadOnlySpan<byte> command, bool firstUnit)
    {
        int allocation = BinaryPrimitives.ReadUInt16BigEndian(command[3..]);
        byte type = firstUnit ? CdRomType : NoUnit;
        byte[] data;
        if ((command[1] & 1) == 0)
        {
            // Removable, SPC-3, 31 bytes more; vendor, product, revision.
            data = [type, 0x80, 5, 2, 31, 0, 0, 0, .. Encoding.ASCII.GetBytes("CLOUD   Seed CD-ROM     1.0 ")];
        }
        else
        {
            switch (command[2])
            {
                case 0x00:
                    data = [type, 0x00, 0, 2, 0x00, 0x83];
                    break;
                case 0x83:
                    data = [type, 0x83, 0, 12, 2, 0, 0, 8, .. Encoding.ASCII.GetBytes("cloud-cd")];
                    break;
                default:
                    return Refuse(IllegalRequest, 0x24);
            }
        }

        return Ok(data.Length > allocation ? data[..allocation] : data);
    }

    private byte[] Capacity()
    {
        byte[] data = new byte[8];
        BinaryPrimitives.WriteUInt32BigEndian(data, Blocks == 0 ? 0 : Blocks - 1);
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(4), BlockSize);
        return data;
    }

    private ScsiAnswer TableOfContents(ReadOnlySpan<byte> command)
    {
        if ((command[2] & 15) != 0)
        {
            return Refuse(IllegalRequest, 0x24);
        }

        // One data track from block 0, and the lead-out.
        byte[] data = [0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xAA, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(16), Blocks);
        return Ok(data);
    }

    private ScsiAnswer Read(uint block, uint count, int room)
    {
        if (block > Blocks || count > Blocks - block)
        {
            return Refuse(IllegalRequest, 0x21);
        }

        if ((long)count * BlockSize > room)
        {
            return Refuse(IllegalRequest, 0x24);
        }

        byte[] data = new byte[(int)count * BlockSize];
        try
        {
            disc.Read((long)block * BlockSize, data);
            return Ok(data);
        }
        catch (IOException)
        {
            // The guest sees an unreadable sector.
            return Refuse(MediumError, 0x11);
        }
    }

    private static ScsiAnswer Ok(byte[] data) => new(Good, data, []);

    private static ScsiAnswer Refuse(byte key, byte code) => new(CheckCondition, [], Sense(key, code));

    private static byte[] Sense(byte key, byte code)
    {
        byte[] sense = new byte[18];
        (sense[0], sense[2], sense[7], sense[12]) = (0x70, key, 10, code);
        return sense;
    }

    private enum ScsiOperation : byte
    {
        TestUnitReady = 0x00,
        RequestSense = 0x03,
        Inquiry = 0x12,
        ModeSense6 = 0x1A,
        StartStop = 0x1B,
        PreventRemoval = 0x1E,
        ReadCapacity = 0x25,
        Read10 = 0x28,
        Write10 = 0x2A,
        Synchronize = 0x35,
        ReadToc = 0x43,
        GetConfiguration = 0x46,
        GetEventStatus = 0x4A,
        ModeSense10 = 0x5A,
        ReportLuns = 0xA0,
        Read12 = 0xA8,
    }
}

/// <summary>What a command gives: a SCSI status, data for the initiator, and sense data where it failed.</summary>
internal sealed record ScsiAnswer(byte Status, byte[] Data, byte[] Sense);
