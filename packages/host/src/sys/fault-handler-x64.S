// SPDX-License-Identifier: Apache-2.0
# The handler of SIGBUS for x86-64, of which fault-code.ts has the bytes (and says how they are made from this).
#
# It is entered as a signal handler: rdi = the signal, rsi = siginfo_t, rdx = ucontext_t. Offsets of siginfo_t: 8 si_code, 16 si_addr.
# Offsets of the table, as fault-guard.ts lays it out: 0 entries, 8 eventfd, 16 the number 1, 24 earlier handler, 32 a struct
# sigaction of zeros; from 64 on entries of 32 bytes: 0 start, 8 end, 16 faults.
# It uses only registers that a handler may change. The kernel changes rax, rcx and r11 in each call.

.intel_syntax noprefix
.text
handler:
  mov rax, [rsi+16]             # where the fault is
  lea r8, [rip+table]
  mov r8, [r8]                  # the table
  mov rcx, [r8]                 # entries left to look at
  lea r9, [r8+64]               # the first of them

next:
  test rcx, rcx
  jz foreign                    # in no range: not ours
  cmp rax, [r9]
  jb other
  cmp rax, [r9+8]
  jb found                      # a free entry ends at 0, so that nothing lies in it
other:
  add r9, 32
  dec rcx
  jmp next

found:
  cmp dword ptr [rsi+8], 0
  jle foreign                   # a signal that a process sent says any address: zeros are only for faults
  lock inc qword ptr [r9+16]    # threads fault at the same time, and the event loop takes the count
  push rsi                      # the calls need these five; the stack is as it was when anything is jumped to
  push rdi
  push rdx
  push r8
  push rax                      # on top: where the fault is

  mov rdi, [r9]                 # mmap(start,
  mov rsi, [r9+8]
  sub rsi, rdi                  #   end - start,
  mov edx, 3                    #   PROT_READ | PROT_WRITE,
  mov r10d, 0x4032              #   MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE,
  mov r8, -1                    #   no file,
  xor r9d, r9d                  #   0)
  mov eax, 9
  syscall
  cmp rax, -4096                # errors are the top 4095 numbers
  jbe mapped

  mov rdi, [rsp]                # the whole range was refused, by a limit perhaps: the page alone
  and rdi, -4096
  mov esi, 4096
  mov edx, 3
  mov r10d, 0x32                # one page may count against the limit: no MAP_NORESERVE
  mov r8, -1
  xor r9d, r9d
  mov eax, 9
  syscall
  cmp rax, -4096
  ja refused

mapped:
  pop rax
  pop r8
  pop rdx
  pop rdi
  pop rsi
  mov edi, [r8+8]               # write(eventfd, the number 1, 8): the owner is told. A counter that is full rings already,
  lea rsi, [r8+16]              # so what this answers does not matter.
  mov edx, 8
  mov eax, 1
  syscall
  ret                           # to the kernel's way back, which tries the access again: it finds zeros

refused:
  pop rax
  pop r8
  pop rdx
  pop rdi
  pop rsi
foreign:
  mov rax, [r8+24]
  cmp rax, 1                    # 0 is SIG_DFL, 1 is SIG_IGN; a fault cannot be ignored
  jbe default
  jmp rax                       # with the registers and the stack that the kernel gave

default:
  lea rsi, [r8+32]              # rt_sigaction(SIGBUS, the zeros,
  xor edx, edx                  #   no old one,
  mov r10d, 8                   #   bytes of a mask)
  mov edi, 7
  mov eax, 13
  syscall
  mov eax, 39                   # getpid()
  syscall
  mov edi, eax                  # kill(that, SIGBUS): pending until this handler returns, and then the end
  mov esi, 7
  mov eax, 62
  syscall
  ret

table:
  .quad 0                       # fault-guard.ts puts the table's address here
