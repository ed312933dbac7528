// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bare, region, stillServes, u32, u64 } from '../../../test/bare-socket.ts';
import { until, VhostRig } from '../../../test/vhost-user-rig.ts';
import { eventfd, mappingsOf, memfd, openDescriptors, signal, socketpair } from '../../sys/index.ts';
import { Request } from './index.ts';

describe('anything at all on the socket', () => {
  it('never harms the server, and leaks neither descriptors nor mappings', async () => {
    await using rig = new VhostRig();
    await stillServes(rig);
    using memory = memfd('fuzz', 1 << 16);
    using bell = eventfd();
    const [pair, other] = socketpair();
    const before = openDescriptors();
    const requests = Object.values(Request);
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.tuple(fc.nat(3), fc.constantFrom(0, 1, 2, 16, 64, 4096)).map(([a, b]) => u32(a, b)),
      fc.tuple(fc.nat(0x102), fc.nat(1)).map(([a]) => u64(a)),
      fc
        .tuple(
          fc.constantFrom(0n, 4096n, 2n ** 63n),
          fc.constantFrom(0n, 4096n, 65536n, 2n ** 52n),
          fc.constantFrom(0n, 2n ** 40n),
        )
        .map(([guest, size, user]) => region(guest, size, user, 0)),
      fc
        .tuple(fc.nat(2), fc.nat(8), fc.nat(2))
        .map(([index, slot, part]) => new Uint8Array([...u32(index, 0), ...u64(4096 * slot, 8192, 4096 * part, 0)])),
    );
    const step = fc.record({
      request: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...requests) }, { weight: 1, arbitrary: fc.nat(300) }),
      payload,
      flags: fc.oneof({ weight: 30, arbitrary: fc.constantFrom(1, 9) }, { weight: 1, arbitrary: fc.nat(31) }),
      size: fc.oneof({ weight: 30, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(5000) }),
      fds: fc.array(fc.constantFrom('memory', 'bell', 'socket'), { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (steps, negotiate) => {
        await until(() => rig.server.free, 'the last connection to end');
        using bare = new Bare(rig.path);
        if (negotiate) await bare.negotiate();
        for (const { request, payload: bytes, flags, size, fds } of steps) {
          const attached = fds.map((kind) => (kind === 'memory' ? memory : kind === 'bell' ? bell : pair));
          bare.message(request, bytes, { flags, fds: attached, ...(size === undefined ? {} : { size }) });
          if (bytes.length % 7 === 0) signal(bell);
        }
        await new Promise((resolve) => setImmediate(resolve));
      }),
      { numRuns: 300 },
    );
    await stillServes(rig);
    await until(() => openDescriptors() === before, `descriptors as before (${before}, now ${openDescriptors()})`);
    expect(mappingsOf('/memfd:fuzz')).toBe(0);
    expect(mappingsOf('/memfd:paravideo-')).toBe(0);
    expect(rig.logged('error')).toEqual([]);
    pair.close();
    other.close();
  });
});
