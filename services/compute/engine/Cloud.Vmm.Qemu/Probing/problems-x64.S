# The seven problems of virtualizing an x86 that was not made for it (Intel Virtualization Technology, Intel Technology Journal 10:3, 2006), as a
# guest that looks for each. It uses segments and no paging, so that it runs wherever a guest does that has no page tables. It prints a line
# "NAME ok" or "NAME wrong N" for each, and then answers each byte on its serial port with whether its hidden state is as it was.

        .set    UserBase, 0xc00000
        .set    UserLimit, 0xfffff
        .set    WindowA, 0x300000
        .set    WindowB, 0x310000
        .set    RamFrom, 0x1000000
        .set    RamTo, 0x4000000
        .set    Serial, 0x3f8

        .section .note, "a"
        .long   4, 4, 18                # XEN_ELFNOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   start

        .text
        .globl  start
start:  cli
        movl    $stack, %esp
        lgdt    gdtr
        ljmp    $0x08, $1f
1:      movw    $0x10, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        movw    %ax, %ss
        movl    $tss, %eax              # the task's base, which no assembler can spread over a descriptor
        movw    %ax, gdt + 0x28 + 2
        shrl    $16, %eax
        movb    %al, gdt + 0x28 + 4
        movb    %ah, gdt + 0x28 + 7
        movw    $0x28, %ax
        ltr     %ax
        call    gates
        call    controllers
        movl    24(%ebx), %esi          # hvm_start_info's command line: "ring0", "segments" or "pages"
        movb    (%esi), %al
        movb    %al, mode
        cmpb    $'p', %al
        jne     2f
        call    pages
2:
        movl    $user, %esi             # where the user's segment is
        movl    $UserBase, %edi
        movl    $user_end - user, %ecx
        rep movsb

        call    ring_aliasing
        movl    $n_aliasing, %esi
        call    report
        call    non_faulting
        movl    $n_faulting, %esi
        call    report
        cmpb    $'r', mode
        je      3f
        call    ring_compression
        movl    $n_ring, %esi
        call    report
3:
        call    address_space
        movl    $n_address, %esi
        call    report
        call    interrupts
        movl    $n_interrupts, %esi
        call    report
        call    hide
        call    hidden
        movl    $n_hidden, %esi
        call    report
        call    frequent
        movl    $n_frequent, %esi
        call    report
        movl    $n_done, %esi
        call    print

serve:  movw    $Serial + 5, %dx        # a byte: is the hidden state what it was?
        inb     %dx, %al
        testb   $1, %al
        jz      serve
        movw    $Serial, %dx
        inb     %dx, %al
        call    hidden
        movl    $n_hidden, %esi
        call    report
        jmp     serve

# 1. Ring aliasing: a guest's kernel that is run with less than the privilege it believes it has sees that in CS.
ring_aliasing:
        movl    $1, %edi
        movl    %cs, %eax
        testl   $3, %eax
        jnz     fail
        incl    %edi
        pushl   %cs
        popl    %eax
        testl   $3, %eax
        jnz     fail
        cmpb    $'r', mode
        je      pass
        incl    %edi
        movl    $user_ring - user, %eax
        call    as_user
        cmpl    $3, %eax
        jne     fail
        jmp     pass

# 2. Non-faulting access to privileged state: SGDT, SIDT, STR, SMSW and PUSHF tell what is loaded, and trap nowhere; POPF drops the interrupt flag.
non_faulting:
        movl    $1, %edi
        sgdt    table
        cmpl    $gdt, table + 2
        jne     fail
        incl    %edi
        cmpw    $gdt_end - gdt - 1, table
        jne     fail
        incl    %edi
        sidt    table
        cmpl    $idt, table + 2
        jne     fail
        cmpb    $'r', mode
        je      pass
        incl    %edi
        movl    $user_tables - user, %eax
        call    as_user
        cmpl    $gdt, UserBase + user_table - user + 2
        jne     fail
        incl    %edi
        cmpl    $idt, UserBase + user_table - user + 10
        jne     fail
        incl    %edi
        cmpw    $0x28, UserBase + user_table - user + 16
        jne     fail
        incl    %edi
        testw   $1, UserBase + user_table - user + 18
        jz      fail
        incl    %edi
        testl   $0x200, %eax            # interrupts were off, POPF asked for them
        jnz     fail
        incl    %edi
        cmpl    $0, faults
        jne     fail
        jmp     pass

# 6. Ring compression: the user's code gets nowhere that is the kernel's, and does nothing that is.
ring_compression:
        movl    $1, %edi
        movl    $0, faults
        movl    $0x600d600d, canary
        movl    $user_tries - user, %eax
        call    as_user
        cmpl    $TriesInAll, faults
        jne     fail
        incl    %edi
        cmpl    $0x600d600d, canary
        jne     fail
        incl    %edi
        cmpl    $0, %eax
        jne     fail
        jmp     pass

# 3. Address-space compression: all of its memory is the guest's, and all of the 4 GiB can be asked; nobody else's is anywhere in them.
address_space:
        movl    $1, %edi
        movl    $RamFrom, %ebx
1:      movl    %ebx, %eax
        notl    %eax
        movl    %ebx, (%ebx)
        movl    %eax, 0xffc(%ebx)
        addl    $0x1000, %ebx
        cmpl    $RamTo, %ebx
        jne     1b
        movl    $RamFrom, %ebx
2:      movl    %ebx, %eax
        notl    %eax
        cmpl    %ebx, (%ebx)
        jne     fail
        cmpl    %eax, 0xffc(%ebx)
        jne     fail
        addl    $0x1000, %ebx
        cmpl    $RamTo, %ebx
        jne     2b
        incl    %edi
        movl    $0x10000000, %ebx       # beyond its memory: nothing, up to where devices and the firmware are
3:      movl    (%ebx), %eax
        cmpl    $-1, %eax
        je      4f
        testl   %eax, %eax
        jnz     fail
4:      addl    $0x100000, %ebx
        cmpl    $0xb0000000, %ebx
        jb      3b
        incl    %edi
        movl    0xfffffff0, %eax        # the last bytes of all, where a hypervisor beside its guest would sit, are the firmware's
        cmpl    %eax, 0xfffffff0
        jne     fail
        jmp     pass

# 4. Interrupt virtualization: held back while they are masked, kept, delivered when they may be, in the order of their priority, none lost.
interrupts:
        movl    $1, %edi
        movl    $0, ticks
        movl    $0, sent
        movl    $0, order
        movb    $0x34, %al              # the timer, at a thousand a second
        outb    %al, $0x43
        movb    $0xa9, %al
        outb    %al, $0x40
        movb    $0x04, %al
        outb    %al, $0x40
        movb    $0xee, %al              # timer and serial port
        outb    %al, $0x21
        movb    $2, %al                 # the serial port's: its transmitter is empty
        movw    $Serial + 1, %dx
        outb    %al, %dx
1:      movb    $0x0a, %al              # both wait
        outb    %al, $0x20
        inb     $0x20, %al
        andb    $0x11, %al
        cmpb    $0x11, %al
        jne     1b
        cmpl    $0, order
        jne     fail
        incl    %edi
        sti
2:      cmpl    $0, sent
        je      2b
        cli
        cmpl    $1, order               # the timer's came first
        jne     fail
        incl    %edi
        movl    $0, sent
        movl    $100, %ecx              # as often as it is asked anew
2:      movl    sent, %ebx
        movb    $0, %al
        movw    $Serial + 1, %dx
        outb    %al, %dx
        movb    $2, %al
        outb    %al, %dx
        sti
4:      cmpl    %ebx, sent
        je      4b
        cli
        decl    %ecx
        jnz     2b
        cmpl    $100, sent
        jne     fail
        incl    %edi
        movb    $0, %al
        outb    %al, %dx
        movl    ticks, %ebx             # a processor that waits is woken
        movl    $20, %ecx
3:      sti
        hlt
        cli
        decl    %ecx
        jnz     3b
        movl    ticks, %eax
        subl    %ebx, %eax
        cmpl    $20, %eax
        jb      fail
        movb    $0xff, %al
        outb    %al, $0x21
        jmp     pass

# 5. Access to hidden state: a segment's base and limit stay in the processor when their descriptor changes, over every exit.
hide:   movl    $0xaaaaaaaa, WindowA
        movl    $0xbbbbbbbb, WindowB
        movw    $0x30, %ax
        movw    %ax, %gs
        movb    $(WindowB >> 16) & 0xff, gdt + 0x30 + 4
        ret
hidden: movl    $1, %edi
        movl    $1000, %ecx
1:      outb    %al, $0x80
        decl    %ecx
        jnz     1b
        movl    %gs:0, %eax
        cmpl    $0xaaaaaaaa, %eax
        jne     fail
        jmp     pass

# 7. Frequent access to privileged resources: what an access costs that leaves the guest, in cycles, beside one that does not.
frequent:
        movl    $1, %edi
        movl    $-1, %ebp               # the least of ten, as others may be at work on the host
        movl    $-1, %esi
        movl    $10, tries
3:      rdtsc
        movl    %eax, %ebx
        movl    $5000, %ecx
1:      outb    %al, $0x80
        decl    %ecx
        jnz     1b
        rdtsc
        subl    %ebx, %eax
        cmpl    %eax, %ebp
        jb      4f
        movl    %eax, %ebp
4:      rdtsc
        movl    %eax, %ebx
        movl    $5000, %ecx
2:      movb    %al, canary
        decl    %ecx
        jnz     2b
        rdtsc
        subl    %ebx, %eax
        cmpl    %eax, %esi
        jb      5f
        movl    %eax, %esi
5:      decl    tries
        jnz     3b
        shll    $1, %esi
        cmpl    %esi, %ebp
        jb      fail
        jmp     pass

pass:   xorl    %edi, %edi
fail:   ret

# Runs the user's code at EAX in ring 3, until it says that it is done; EAX is what it says.
as_user:
        pushal
        movl    %esp, kernel_esp
        pushl   $0x23
        pushl   $UserLimit - 0xff
        pushfl
        pushl   $0x1b
        pushl   %eax
        movl    $0x23, %eax
        movl    %eax, %ds
        iret
user_done:                              # gate 0x81
        movl    $0x10, %ecx
        movl    %ecx, %ds
        movl    kernel_esp, %esp
        movl    %eax, 28(%esp)
        popal
        ret
user_fault:                             # a fault of the user's: it goes on where its EBX says
        pushl   %eax
        movl    $0x10, %eax
        movl    %eax, %ds
        popl    %eax
        testb   $3, 8(%esp)
        jz      kernel_fault
        incl    faults
        addl    $4, %esp
        movl    %ebx, (%esp)
        pushl   %eax
        movl    $0x23, %eax
        movl    %eax, %ds
        popl    %eax
        iret
kernel_fault:
        movl    $n_fault, %esi
        call    print
1:      hlt
        jmp     1b
        .macro  back                    # IRET within ring 0, which software that stands for a processor does not always know
        pushl   8(%esp)
        popfl
        lret    $4
        .endm
tick:   pushl   %eax
        incl    ticks
        cmpl    $0, order
        jne     1f
        movl    $1, order
1:      movb    $0x20, %al
        outb    %al, $0x20
        popl    %eax
        back
transmitted:
        pushl   %eax
        pushl   %edx
        incl    sent
        cmpl    $0, order
        jne     1f
        movl    $4, order
1:      movw    $Serial + 2, %dx        # which also ends it
        inb     %dx, %al
        movb    $0x20, %al
        outb    %al, $0x20
        popl    %edx
        popl    %eax
        back

# Sets up the gates: faults of the user, its way back, the two interrupts.
gates:  movl    $13, %ecx
        movl    $user_fault, %eax
        movl    $0x8e00, %edx
        call    gate
        movl    $14, %ecx
        movl    $user_fault, %eax
        call    gate
        movl    $0x81, %ecx
        movl    $user_done, %eax
        movl    $0xee00, %edx
        call    gate
        movl    $0x20, %ecx
        movl    $tick, %eax
        movl    $0x8e00, %edx
        call    gate
        movl    $0x24, %ecx
        movl    $transmitted, %eax
        call    gate
        lidt    idtr
        ret
gate:   movw    %ax, idt(, %ecx, 8)
        movw    $0x08, idt + 2(, %ecx, 8)
        movw    %dx, idt + 4(, %ecx, 8)
        shrl    $16, %eax
        movw    %ax, idt + 6(, %ecx, 8)
        ret
pages:  xorl    %ecx, %ecx              # all 4 GiB as they are, in pages of 4 MiB, the fourth of them the user's
        movl    $0x83, %eax
1:      movl    %eax, directory(, %ecx, 4)
        addl    $0x400000, %eax
        incl    %ecx
        cmpl    $1024, %ecx
        jne     1b
        orl     $4, directory + (UserBase >> 22) * 4
        movl    $directory, %eax
        movl    %eax, %cr3
        movl    %cr4, %eax
        orl     $0x10, %eax
        movl    %eax, %cr4
        movl    %cr0, %eax
        orl     $0x80010000, %eax
        movl    %eax, %cr0
        ret
controllers:                            # the first at 0x20, all masked
        movb    $0x11, %al
        outb    %al, $0x20
        movb    $0x20, %al
        outb    %al, $0x21
        movb    $0x04, %al
        outb    %al, $0x21
        movb    $0x01, %al
        outb    %al, $0x21
        movb    $0xff, %al
        outb    %al, $0x21
        outb    %al, $0xa1
        movl    $0x1ff, 0xfee000f0      # and its line through the local APIC, as firmware leaves it or does not
        movl    $0x700, 0xfee00350
        movw    $Serial + 4, %dx        # the serial port's line to the controller
        movb    $0x0b, %al
        outb    %al, %dx
        ret

# "NAME ok" where EDI is 0, else "NAME wrong" and the number of what was.
report: call    print
        movl    $t_ok, %esi
        testl   %edi, %edi
        jz      print
        movl    $t_wrong, %esi
        call    print
        leal    0x30(%edi), %eax
        movw    $Serial, %dx
        outb    %al, %dx
        movl    $t_line, %esi
print:  movw    $Serial + 5, %dx
1:      inb     %dx, %al
        testb   $0x20, %al
        jz      1b
        lodsb
        testb   %al, %al
        jz      2f
        movw    $Serial, %dx
        outb    %al, %dx
        jmp     print
2:      ret

# The user's code. It is moved to its segment, so that it names nothing by its address.
        .macro  try instruction:vararg
        call    1f                      # EBX: behind what must fault
1:      popl    %ebx
        addl    $2f - 1b, %ebx
        \instruction
        incl    %eax                    # it did not
2:      .set    UserTries, UserTries + 1
        .endm
        .set    UserTries, 0
user:
user_ring:
        movl    %cs, %eax
        andl    $3, %eax
        int     $0x81
user_tables:
        sgdt    user_table - user
        sidt    user_table - user + 8
        str     user_table - user + 16
        smsw    user_table - user + 18
        pushl   $0x202
        popfl
        pushfl
        popl    %eax
        int     $0x81
user_tries:
        xorl    %eax, %eax
        try     movl canary - UserBase, %ecx    # beyond the segment, on a page of the kernel
        try     movl %ecx, -4
        try     cli
        try     hlt
        try     inb $0x60, %al
        try     outb %al, $0x20
        try     lgdt user_table - user
        try     lidt user_table - user
        try     movl %cr0, %ecx
        try     movl %ecx, %cr3
        try     movl %ecx, %db7
        try     lmsw %cx
        try     int $0x20
        movl    $0x10, %ecx
        try     movl %ecx, %ds
        try     ljmp $0x08, $0x100000
        int     $0x81
        .set    TriesInAll, UserTries
user_table:
        .space  32
user_end:

        .data
        .balign 8
gdt:    .quad   0
        .quad   0x00cf9a000000ffff      # 08 the kernel's code
        .quad   0x00cf92000000ffff      # 10 and data
        .quad   0x004ffac00000ffff      # 18 the user's code: 1 MiB at 12 MiB
        .quad   0x004ff2c00000ffff      # 20 and data
        .quad   0x0000890000000067      # 28 the task
        .quad   0x0040923000000fff      # 30 what is hidden
gdt_end:
gdtr:   .word   gdt_end - gdt - 1
        .long   gdt
idtr:   .word   idt_end - idt - 1
        .long   idt
        .balign 8
tss:    .long   0
        .long   fault_stack
        .long   0x10
        .space  0x66 - 12
        .word   0x68                    # no port is the user's
mode:   .long   0
tries:  .long   0
kernel_esp: .long 0
faults: .long   0
canary: .long   0
ticks:  .long   0
sent:   .long   0
order:  .long   0
table:  .space  8
n_aliasing:   .asciz "ring-aliasing"
n_faulting:   .asciz "non-faulting-access"
n_ring:       .asciz "ring-compression"
n_address:    .asciz "address-space-compression"
n_interrupts: .asciz "interrupt-virtualization"
n_hidden:     .asciz "hidden-state"
n_frequent:   .asciz "frequent-access"
n_done:       .asciz "done\n"
n_fault:      .asciz "fault\n"
t_ok:         .asciz " ok\n"
t_wrong:      .asciz " wrong "
t_line:       .asciz "\n"
        .bss
        .balign 4096
directory:
        .space  4096
idt:    .space  0x82 * 8
idt_end:
        .space  4096
stack:  .space  4096
fault_stack:
