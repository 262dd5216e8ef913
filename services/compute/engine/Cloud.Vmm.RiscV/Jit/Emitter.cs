namespace Cloud.Vmm.RiscV.Jit;

/// <summary>
/// Writes x86-64 instructions (Intel SDM, volume 2) one after the other. Jumps are always of 32 bits: a little longer and one form less.
/// </summary>
/// <remarks>SAFE BECAUSE: the translator makes sure of room for the longest block before it begins one.</remarks>
internal sealed unsafe class Emitter(ExecutableMemory memory)
{
    internal int Position { get; set; }

    /// <summary>Where the next instruction will run.</summary>
    internal nint Address => (nint)(memory.Executable + Position);

    internal void Byte(int value) => memory.Writable[Position++] = (byte)value;

    internal void Bytes(params ReadOnlySpan<byte> values)
    {
        foreach (byte value in values)
        {
            Byte(value);
        }
    }

    internal void Int(int value)
    {
        *(int*)(memory.Writable + Position) = value;
        Position += sizeof(int);
    }

    internal void Move(X64 to, X64 from)
    {
        if (to != from)
        {
            Register(0x8B, to, from, wide: true);
        }
    }

    /// <summary>Moves 32 bits; the upper half becomes zero.</summary>
    internal void Move32(X64 to, X64 from) => Register(0x8B, to, from, wide: false);

    internal void Constant(X64 to, long value)
    {
        if (value == 0)
        {
            Register(0x33, to, to, wide: false);
        }
        else if (value is >= 0 and <= uint.MaxValue)
        {
            Prefix(wide: false, 0, to);
            Byte(0xB8 | (int)to & 7);
            Int((int)value);
        }
        else if (value is >= int.MinValue and < 0)
        {
            Prefix(wide: true, 0, to);
            Byte(0xC7);
            ModRegister(0, to);
            Int((int)value);
        }
        else
        {
            Prefix(wide: true, 0, to);
            Byte(0xB8 | (int)to & 7);
            *(long*)(memory.Writable + Position) = value;
            Position += sizeof(long);
        }
    }

    internal void Load(X64 to, X64 address, int displacement) => Memory(0x8B, to, address, displacement, wide: true);

    internal void Load32(X64 to, X64 address, int displacement) => Memory(0x8B, to, address, displacement, wide: false);

    internal void Store(X64 address, int displacement, X64 from) => Memory(0x89, from, address, displacement, wide: true);

    internal void Store32(X64 address, int displacement, X64 from) => Memory(0x89, from, address, displacement, wide: false);

    internal void StoreConstant32(X64 address, int displacement, int value)
    {
        Memory(0xC7, 0, address, displacement, wide: false);
        Int(value);
    }

    internal void Alu(X64Alu operation, X64 to, X64 from, bool wide = true) => Register((int)operation << 3 | 3, to, from, wide);

    internal void AluMemory(X64Alu operation, X64 to, X64 address, int displacement, bool wide = true) =>
        Memory((int)operation << 3 | 3, to, address, displacement, wide);

    internal void AluConstant(X64Alu operation, X64 to, int value, bool wide = true)
    {
        Prefix(wide, 0, to);
        bool small = value is >= sbyte.MinValue and <= sbyte.MaxValue;
        Byte(small ? 0x83 : 0x81);
        ModRegister((int)operation, to);
        if (small)
        {
            Byte(value);
        }
        else
        {
            Int(value);
        }
    }

    /// <summary>An operation on 32 bits of memory.</summary>
    internal void AluMemoryConstant32(X64Alu operation, X64 address, int displacement, int value)
    {
        bool small = value is >= sbyte.MinValue and <= sbyte.MaxValue;
        Memory(small ? 0x83 : 0x81, (X64)operation, address, displacement, wide: false);
        if (small)
        {
            Byte(value);
        }
        else
        {
            Int(value);
        }
    }

    internal void LoadAddress(X64 to, X64 address, int displacement) => Memory(0x8D, to, address, displacement, wide: true);

    internal void ShiftConstant(X64Shift shift, X64 to, int count, bool wide = true)
    {
        Prefix(wide, 0, to);
        Byte(0xC1);
        ModRegister((int)shift, to);
        Byte(count);
    }

    /// <summary>Shifts by CL.</summary>
    internal void ShiftByCount(X64Shift shift, X64 to, bool wide = true)
    {
        Prefix(wide, 0, to);
        Byte(0xD3);
        ModRegister((int)shift, to);
    }

    /// <summary>Sign-extends 32 bits to 64.</summary>
    internal void ExtendWord(X64 to, X64 from) => Register(0x63, to, from, wide: true);

    /// <summary>An instruction of two opcode bytes, 0F first, between registers.</summary>
    internal void Register0F(int opcode, X64 to, X64 from, bool wide, int prefix = 0, bool byteSource = false)
    {
        if (prefix != 0)
        {
            Byte(prefix);
        }

        Prefix(wide, to, from, byteSource);
        Byte(0x0F);
        Byte(opcode);
        ModRegister((int)to, from);
    }

    /// <summary>An instruction of two opcode bytes, 0F first, with memory.</summary>
    internal void Memory0F(int opcode, X64 register, X64 address, int displacement, bool wide, int prefix = 0)
    {
        if (prefix != 0)
        {
            Byte(prefix);
        }

        Prefix(wide, register, address);
        Byte(0x0F);
        Byte(opcode);
        ModMemory(register, address, displacement);
    }

    /// <summary>The operations of one register: 2 not, 3 negate, 4 multiply, 5 signed multiply, 6 divide, 7 signed divide.</summary>
    internal void Unary(int operation, X64 register, bool wide = true)
    {
        Prefix(wide, 0, register);
        Byte(0xF7);
        ModRegister(operation, register);
    }

    /// <summary>Sets a register to 1 or 0 by a condition; where the flags are needed once more, only its lowest byte.</summary>
    internal void Set(X64Condition condition, X64 to, bool keepFlags = false)
    {
        Prefix(wide: false, 0, to, byteRegister: true);
        Bytes(0x0F, (byte)(0x90 | (int)condition));
        ModRegister(0, to);
        if (!keepFlags)
        {
            Register0F(0xB6, to, to, wide: false, byteSource: true);
        }
    }

    /// <summary>A load or store of a size at the sum of two registers.</summary>
    internal void Indexed(
        ReadOnlySpan<byte> opcode, X64 register, X64 address, X64 index, bool wide, bool operandSize = false, bool byteRegister = false)
    {
        if (operandSize)
        {
            Byte(0x66);
        }

        int rex = (wide ? 8 : 0) | ((int)register >= 8 ? 4 : 0) | ((int)index >= 8 ? 2 : 0) | ((int)address >= 8 ? 1 : 0);
        if (rex != 0 || byteRegister && (int)register >= 4)
        {
            Byte(0x40 | rex);
        }

        Bytes(opcode);

        // A displacement of 8 bits that is zero: without one RBP and R13 cannot be a base.
        Bytes((byte)(0x44 | ((int)register & 7) << 3), (byte)(((int)index & 7) << 3 | (int)address & 7), 0);
    }

    /// <summary>A forward jump: returns where its distance is to be written.</summary>
    internal int Jump(X64Condition condition)
    {
        Bytes(0x0F, (byte)(0x80 | (int)condition));
        Int(0);
        return Position;
    }

    internal int Jump()
    {
        Byte(0xE9);
        Int(0);
        return Position;
    }

    /// <summary>Lets a forward jump come here.</summary>
    internal void Land(int jump) => *(int*)(memory.Writable + jump - sizeof(int)) = Position - jump;

    /// <summary>A jump to a known position.</summary>
    internal void JumpTo(int position)
    {
        Byte(0xE9);
        Int(position - (Position + sizeof(int)));
    }

    /// <summary>A jump to a known position where a condition holds.</summary>
    internal void JumpTo(X64Condition condition, int position)
    {
        Bytes(0x0F, (byte)(0x80 | (int)condition));
        Int(position - (Position + sizeof(int)));
    }

    /// <summary>A call of a known position.</summary>
    internal void Call(int position)
    {
        Byte(0xE8);
        Int(position - (Position + sizeof(int)));
    }

    internal void JumpRegister(X64 register)
    {
        Prefix(wide: false, 0, register);
        Byte(0xFF);
        ModRegister(4, register);
    }

    /// <summary>Loads 32 bits of an address below 2 GiB.</summary>
    internal void LoadAbsolute32(X64 to, nint address)
    {
        Prefix(wide: false, to, 0);
        Bytes(0x8B, (byte)(((int)to & 7) << 3 | 4), 0x25);
        Int(checked((int)address));
    }

    /// <summary>An instruction of one opcode byte between registers.</summary>
    internal void Register(int opcode, X64 register, X64 other, bool wide)
    {
        Prefix(wide, register, other);
        Byte(opcode);
        ModRegister((int)register, other);
    }

    internal void Memory(int opcode, X64 register, X64 address, int displacement, bool wide)
    {
        Prefix(wide, register, address);
        Byte(opcode);
        ModMemory(register, address, displacement);
    }

    /// <summary>A fused multiply-add of XMM registers 0 to 7: the opcode of VFMADD213SD and its kin.</summary>
    internal void Fused(int opcode, int to, int second, int third, bool doublePrecision) =>
        Bytes(0xC4, 0xE2, (byte)((doublePrecision ? 0x80 : 0) | (~second & 15) << 3 | 1), (byte)opcode, (byte)(0xC0 | to << 3 | third));

    private void Prefix(bool wide, X64 register, X64 other, bool byteRegister = false)
    {
        int rex = (wide ? 8 : 0) | ((int)register >= 8 ? 4 : 0) | ((int)other >= 8 ? 1 : 0);
        if (rex != 0 || byteRegister && (int)other >= 4)
        {
            Byte(0x40 | rex);
        }
    }

    private void ModRegister(int register, X64 other) => Byte(0xC0 | (register & 7) << 3 | (int)other & 7);

    private void ModMemory(X64 register, X64 address, int displacement)
    {
        bool small = displacement is >= sbyte.MinValue and <= sbyte.MaxValue;
        Byte((small ? 0x40 : 0x80) | ((int)register & 7) << 3 | (int)address & 7);
        if (((int)address & 7) == (int)X64.Rsp)
        {
            Byte(0x24);
        }

        if (small)
        {
            Byte(displacement);
        }
        else
        {
            Int(displacement);
        }
    }
}
