// SPDX-License-Identifier: Apache-2.0
/**
 * The handler of SIGBUS, as machine code: JavaScript cannot run where a fault happens. It calls nothing but the kernel and touches
 * nothing but its stack and the table (`fault-guard.ts`):
 *
 *     for each entry of the table: is si_addr inside, and did the kernel send the signal (si_code > 0)?
 *       count it; mmap(start, end - start, READ|WRITE, PRIVATE|FIXED|ANONYMOUS|NORESERVE): zeros take the place of the whole range;
 *         if that is refused, the same for the one page;
 *       write(eventfd, 1), return: the access is tried again and finds zeros
 *     none, or no page to be had: jump to the handler that was there before; if that was none, put the default back and
 *       kill(getpid(), SIGBUS)
 *
 * The last eight bytes hold the table's address. The bytes are what the assembler of GNU makes of `fault-handler-x64.S` and
 * `fault-handler-arm64.S`, which say step by step what happens; `fault-code.test.ts` compares them where it finds one. To make them
 * anew (for AArch64 on another machine with `aarch64-linux-gnu-` before both names):
 *
 *     as -o handler.o fault-handler-x64.S && objcopy -O binary -j .text handler.o handler.bin && xxd -p handler.bin | tr -d '\n'
 */
export const FAULT_CODE: Readonly<Record<string, string>> = {
  x64: '488b46104c8d05f90000004d8b00498b084d8d48404885c90f84ac000000493b017206493b410872094983c12048ffc9ebe3837e08000f8e8e000000f049ff4110565752415050498b39498b71084829feba0300000041ba3240000049c7c0ffffffff4531c9b8090000000f05483d00f0ffff7634488b3c244881e700f0ffffbe00100000ba0300000041ba3200000049c7c0ffffffff4531c9b8090000000f05483d00f0ffff771b5841585a5f5e418b7808498d7010ba08000000b8010000000f05c35841585a5f5e498b40184883f8017602ffe0498d702031d241ba08000000bf07000000b80d0000000f05b8270000000f0589c7be07000000b83e0000000f05c30000000000000000',
  arm64:
    '290840f9aa0800104a0140f94b0140f94c0101910b0600b48d0140f93f010deb830000548e0540f93f010eeb830000548c8100916b0500d1f7ffff172f0840b9ff0100718d0400542f0080d28f0900f9f00300aaf10301aae70302aae0030daac1010dcb620080d2430688d204008092050080d2c81b80d2010000d41ffc3fb183010054411940f9e00301cb0000098a620080d2430680d204008092050080d2c81b80d2010000d41ffc3fb1e2000054400940b941410091020180d2080880d2010000d4c0035fd6e00310aae10311aae20307aa490d40f93f0500f14900005420011fd641810091e00080d2020080d2030180d2c81080d2010000d4881580d2010000d4e10080d2281080d2010000d4c0035fd61f2003d50000000000000000',
};
