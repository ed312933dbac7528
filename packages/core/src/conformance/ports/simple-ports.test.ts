// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { HeapAccess } from '../../memory/heap/heap-access.ts';
import { HeapArena } from '../../memory/heap/heap-arena.ts';
import { HeapWindow } from '../../memory/heap/heap-window.ts';
import { RegionMemory } from '../../memory/region-memory.ts';
import type { BufferMemory } from '../../ports/buffer-memory.ts';
import type { CapturedFrame } from '../../ports/capture.ts';
import type { Frame } from '../../ports/frame-source.ts';
import { ARENA_ALIGN } from '../../ports/host-buffers.ts';
import type { CameraSource } from '../../source/camera-source.ts';
import { SteadySource } from '../../source/steady-source.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import { SolidSource } from '../../testing/solid-source.ts';
import { ToyConverter } from '../../testing/toy-converter.ts';
import { type BufferAccessFixture, bufferAccessSuite } from './buffer-access-suite.ts';
import { type ConverterFixture, converterSuite } from './converter-suite.ts';
import { type FrameSourceFixture, frameSourceSuite } from './frame-source-suite.ts';
import { type HostBuffersFixture, hostBuffersSuite } from './host-buffers-suite.ts';

function arenaFixture(arena = new HeapArena(32 * ARENA_ALIGN)): HostBuffersFixture {
  return { buffers: arena, size: arena.bytes.length, view: (o, n) => arena.bytes.subarray(o, o + n), close: () => {} };
}

function accessFixture(): BufferAccessFixture {
  const arena = new HeapArena(64 * ARENA_ALIGN);
  const memory = new RegionMemory();
  // Two regions that touch: a run may cross from one into the other.
  const half = 1 << 19;
  memory.addRegion({ address: 0x4000_0000, bytes: new Uint8Array(half) });
  memory.addRegion({ address: 0x4000_0000 + half, bytes: new Uint8Array(half) });
  const access = new HeapAccess(arena, memory);
  let next = 0x4000_0000 + half - 500;
  return {
    access,
    arena: (length) => ({ kind: 'arena', offset: arena.allocate(length)?.offset ?? 0, length }),
    guest: (length) => {
      const address = next;
      next += length + 100;
      return { address, length };
    },
    absent: { address: 0x9000_0000, length: 4096 },
    read: (from: BufferMemory) => {
      const bytes = new Uint8Array(from.length);
      access.read(from, 0, bytes);
      return bytes;
    },
    write: (to, bytes) => void access.write(to, 0, bytes),
    storage: (bytes) => ({ kind: 'bytes', bytes }),
    room: (length) => {
      const bytes = new Uint8Array(length);
      return { storage: { kind: 'bytes', bytes }, bytes };
    },
    close: () => {},
  };
}

function sourceFixture(source = new SolidSource({ clock: new ManualClock() })): FrameSourceFixture {
  return {
    source,
    step: async () => void source.tick(),
    read: (storage) => (storage.kind === 'bytes' ? storage.bytes : new Uint8Array(0)),
    close: () => {},
  };
}

/** A steady source whose camera is there, or away: either way it is the source's frames that come. */
function steadyFixture(away: boolean): FrameSourceFixture {
  const solid = (): SolidSource & CameraSource =>
    Object.assign(new SolidSource({ clock: new ManualClock() }), {
      separable: false,
      codes: () => false,
      canBring: () => true,
      separate: () => expect.unreachable(),
      [Symbol.asyncDispose]: async () => {},
    });
  const [camera, standIn] = [solid(), solid()];
  if (away) camera.unplug();
  const source = new SteadySource(camera, { standIn, clock: new ManualClock(), expected: standIn.capabilities });
  const { step, read } = sourceFixture(away ? standIn : camera);
  return { source, step, read, close: () => source[Symbol.asyncDispose]() };
}

function converterFixture(converter = new ToyConverter()): ConverterFixture {
  return {
    converter,
    step: async () => {
      for (const conversion of converter.opened) while (conversion.making.length > 0) await converter.make(conversion);
    },
    read: (storage) => (storage.kind === 'bytes' ? storage.bytes : new Uint8Array(0)),
    close: () => {},
  };
}

describe('HeapArena is a HostBuffers', () => {
  for (const each of hostBuffersSuite(arenaFixture)) it(each.title, each.run);
});

describe('HeapAccess is a BufferAccess', () => {
  for (const each of bufferAccessSuite(accessFixture)) it(each.title, each.run);
});

describe('SteadySource is a FrameSource', () => {
  for (const each of frameSourceSuite(() => steadyFixture(false))) it(`${each.title}, of its camera`, each.run);
  for (const each of frameSourceSuite(() => steadyFixture(true))) it(`${each.title}, of its stand-in`, each.run);
});

describe('SolidSource is a FrameSource', () => {
  for (const each of frameSourceSuite(sourceFixture)) it(each.title, each.run);
});

describe('ToyConverter is a Converter', () => {
  for (const each of converterSuite(converterFixture)) it(each.title, each.run);
});

async function broken(cases: readonly { readonly run: () => Promise<void> }[]): Promise<number> {
  let found = 0;
  for (const each of cases) await each.run().catch(() => (found += 1));
  return found;
}

describe('the suites find adapters that do not conform', () => {
  it('an arena is found out that does not zero what it gives out', async () => {
    const dirty = (): HostBuffersFixture => {
      const arena = new HeapArena(32 * ARENA_ALIGN);
      arena.bytes.fill(1);
      return arenaFixture(arena);
    };
    expect(await broken(hostBuffersSuite(dirty))).toBeGreaterThan(0);
  });

  it('an arena is found out that forgets references', async () => {
    const careless = (): HostBuffersFixture => {
      const fixture = arenaFixture();
      const allocate = fixture.buffers.allocate.bind(fixture.buffers);
      const forgetful = (length: number) => {
        const block = allocate(length);
        return block && { offset: block.offset, length, retain: () => {}, release: () => block.release() };
      };
      return { ...fixture, buffers: { allocate: forgetful, settled: () => undefined, allocated: 0 } };
    };
    expect(await broken(hostBuffersSuite(careless))).toBeGreaterThan(0);
  });

  it('a converter is found out that makes one picture in another, or loses the number of a frame', async () => {
    const changes: ((made: CapturedFrame) => CapturedFrame)[] = [
      (made) => ({ ...made, planes: made.planes.slice(1) }),
      (made) => ({ ...made, sequence: 0 }),
    ];
    for (const change of changes) {
      const careless = (): ConverterFixture => {
        const converter = new ToyConverter();
        const openWell = converter.open.bind(converter);
        converter.open = (...layouts) => {
          const conversion = openWell(...layouts);
          const convert = async (frame: Frame) => {
            const made = await conversion.convert(frame);
            return made && change(made);
          };
          return { convert, close: () => conversion.close() };
        };
        return converterFixture(converter);
      };
      expect(await broken(converterSuite(careless))).toBeGreaterThan(0);
    }
  });

  it('a copier is found out that ignores the offset, says yes to everything or writes nothing', async () => {
    const changes: ((f: BufferAccessFixture) => Partial<BufferAccessFixture['access']>)[] = [
      (f) => ({ load: (from, _offset, to) => f.access.load(from, 0, to) }),
      (f) => ({ store: (from, to) => f.access.store(from, to).then(() => true) }),
      () => ({ store: async () => true }),
      (f) => ({
        fetch: (from, to) =>
          f.access.fetch(
            from.map(({ memory }) => ({ memory, offset: 0 })),
            to,
          ),
      }),
      () => ({ fetch: async () => true }),
    ];
    for (const change of changes) {
      const make = (): BufferAccessFixture => {
        const f = accessFixture();
        const { store, load, fetch } = f.access;
        const plain = { open: true, store: store.bind(f.access), load: load.bind(f.access), fetch: fetch.bind(f.access) };
        return { ...f, access: { ...plain, ...change(f) } };
      };
      expect(await broken(bufferAccessSuite(make))).toBeGreaterThan(0);
    }
  });

  it('a source is found out that does not stop, or reuses memory that is retained', async () => {
    const restless = (): FrameSourceFixture => {
      const f = sourceFixture();
      const start = f.source.start.bind(f.source);
      f.source.start = (wanted, consumer) => {
        start(wanted, consumer);
        return { [Symbol.dispose]: () => {} };
      };
      return f;
    };
    expect(await broken(frameSourceSuite(restless))).toBe(1);
    const reusing = (): FrameSourceFixture => {
      const shared = new Uint8Array(1 << 20);
      let reads = 0;
      const f = sourceFixture();
      return {
        ...f,
        read: (storage) => {
          const bytes = f.read(storage);
          shared.fill(reads++);
          return shared.subarray(0, bytes.length);
        },
      };
    };
    expect(await broken(frameSourceSuite(reusing))).toBeGreaterThan(0);
  });
});

describe('HeapWindow', () => {
  it('VM-D6, P14: a mapping goes when its buffer is freed and the last MUNMAP came, in either order', () => {
    const arena = new HeapArena(32 * ARENA_ALIGN);
    const window = new HeapWindow(arena);
    const block = arena.allocate(100);
    if (block === undefined) throw new RangeError('no block');
    const at = window.map(block, true) as number;
    expect(at).not.toBe(block.offset);
    expect(window.map(block, true)).toBe(at);
    expect(window.map(block, false)).not.toBe(at);
    expect(window.access(at)).toBe('read-write');
    arena.bytes[block.offset] = 42;
    expect(window.view(at, 1)?.[0]).toBe(42);
    expect([window.unmap(at + 4096), window.unmap(at), window.unmap(at)]).toEqual([true, true, true]);
    expect(window.view(at, 1)?.[0]).toBe(42);
    block.release();
    window.freed(block);
    expect(window.view(at, 1)).toBeUndefined();
    expect([window.mappings, arena.blocks]).toEqual([1, 1]);
    expect(window.unmap(at)).toBe(false);
    const read = [...Array(40).keys()].map((i) => i * ARENA_ALIGN).find((o) => window.access(o) === 'read') as number;
    expect(window.unmap(read)).toBe(true);
    expect([window.mappings, arena.blocks]).toEqual([0, 0]);
  });

  it('P13: a window of no length maps nothing', () => {
    const arena = new HeapArena(ARENA_ALIGN);
    const block = arena.allocate(1);
    expect(block && new HeapWindow(arena, 0).map(block, false)).toBeUndefined();
  });
});
