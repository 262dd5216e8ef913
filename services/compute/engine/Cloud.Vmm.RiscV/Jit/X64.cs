namespace Cloud.Vmm.RiscV.Jit;

/// <summary>Registers of x86-64, as their encodings number them.</summary>
internal enum X64 : byte
{
    Rax = 0,
    Rcx = 1,
    Rdx = 2,
    Rbx = 3,
    Rsp = 4,
    Rbp = 5,
    Rsi = 6,
    Rdi = 7,
    R8 = 8,
    R9 = 9,
    R10 = 10,
    R11 = 11,
    R12 = 12,
    R13 = 13,
    R14 = 14,
    R15 = 15,
}

/// <summary>The two-operand operations, by the number that their encodings share.</summary>
internal enum X64Alu : byte
{
    Add = 0,
    Or = 1,
    And = 4,
    Sub = 5,
    Xor = 6,
    Compare = 7,
}

/// <summary>The shifts, by the number that their encodings share.</summary>
internal enum X64Shift : byte
{
    RotateLeft = 0,
    RotateRight = 1,
    Left = 4,
    Right = 5,
    ArithmeticRight = 7,
}

/// <summary>Conditions, by the number that jumps and settings share.</summary>
internal enum X64Condition : byte
{
    Below = 2,
    AboveOrEqual = 3,
    Equal = 4,
    NotEqual = 5,
    Above = 7,
    Sign = 8,
    Parity = 10,
    NotParity = 11,
    Less = 12,
    GreaterOrEqual = 13,
}
