// SPDX-License-Identifier: Apache-2.0
// The handler of SIGBUS for AArch64, of which fault-code.ts has the bytes (and says how they are made from this).
//
// It is entered as a signal handler: x0 = the signal, x1 = siginfo_t, x2 = ucontext_t. Offsets of siginfo_t: 8 si_code, 16 si_addr.
// Offsets of the table, as fault-guard.ts lays it out: 0 entries, 8 eventfd, 16 the number 1, 24 earlier handler, 32 a struct
// sigaction of zeros, 48 the size of a page; from 64 on entries of 32 bytes: 0 start, 8 end, 16 faults.
// It uses only registers that a handler may change, and no stack. The kernel changes x0 alone in each call.

.text
handler:
  ldr x9, [x1, #16]             // where the fault is
  adr x10, table
  ldr x10, [x10]                // the table
  ldr x11, [x10]                // entries left to look at
  add x12, x10, #64             // the first of them

next:
  cbz x11, foreign              // in no range: not ours
  ldr x13, [x12]
  cmp x9, x13
  b.lo other
  ldr x14, [x12, #8]
  cmp x9, x14
  b.lo found                    // a free entry ends at 0, so that nothing lies in it
other:
  add x12, x12, #32
  sub x11, x11, #1
  b next

found:
  ldr w15, [x1, #8]
  cmp w15, #0
  b.le foreign                  // a signal that a process sent says any address: zeros are only for faults
  mov x15, #1                   // whether there were faults is all that is asked, so a plain 1 does: atomic addition is not in
  str x15, [x12, #16]           // every AArch64
  mov x16, x0
  mov x17, x1
  mov x7, x2

  mov x0, x13                   // mmap(start,
  sub x1, x14, x13              //   end - start,
  mov x2, #3                    //   PROT_READ | PROT_WRITE,
  mov x3, #0x4032               //   MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE,
  mov x4, #-1                   //   no file,
  mov x5, #0                    //   0)
  mov x8, #222
  svc #0
  cmn x0, #4095                 // errors are the top 4095 numbers
  b.lo mapped

  ldr x1, [x10, #48]            // the whole range was refused, by a limit perhaps: the page alone, of whatever size pages are
  neg x0, x1
  and x0, x0, x9
  mov x2, #3
  mov x3, #0x32                 // one page may count against the limit: no MAP_NORESERVE
  mov x4, #-1
  mov x5, #0
  mov x8, #222
  svc #0
  cmn x0, #4095
  b.hs refused

mapped:
  ldr w0, [x10, #8]             // write(eventfd, the number 1, 8): the owner is told. A counter that is full rings already,
  add x1, x10, #16              // so what this answers does not matter.
  mov x2, #8
  mov x8, #64
  svc #0
  ret                           // to the kernel's way back, which tries the access again: it finds zeros

refused:
  mov x0, x16
  mov x1, x17
  mov x2, x7
foreign:
  ldr x9, [x10, #24]
  cmp x9, #1                    // 0 is SIG_DFL, 1 is SIG_IGN; a fault cannot be ignored
  b.ls default
  br x9                         // with the arguments and the stack that the kernel gave

default:
  add x1, x10, #32              // rt_sigaction(SIGBUS, the zeros (the page size is where a restorer would be, which no flag names),
  mov x0, #7
  mov x2, #0                    //   no old one,
  mov x3, #8                    //   bytes of a mask)
  mov x8, #134
  svc #0
  mov x8, #172                  // getpid()
  svc #0
  mov x1, #7                    // kill(that, SIGBUS): pending until this handler returns, and then the end
  mov x8, #129
  svc #0
  ret

  .balign 8
table:
  .quad 0                       // fault-guard.ts puts the table's address here
