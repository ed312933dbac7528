// SPDX-License-Identifier: Apache-2.0
/**
 * Every layout and constant against two references: the ABI table (always), and the system's C compiler with its
 * <linux/videodev2.h> (where there are such). A header older than the table may lack names; those are listed, not checked.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Errno, IOCTLS, VIDEODEV2_STRUCTS, virtq_desc, virtq_used_elem } from './index.ts';
import * as virtioMedia from './media/virtio-media.ts';
import * as constants from './v4l2/videodev2-constants.gen.ts';

interface Leaf {
  readonly path: string;
  readonly type: string;
  readonly offset: number;
  readonly size: number;
}
interface Abi {
  source: { linuxVersionCode: number };
  structs: Record<string, { size: number; flat: (Leaf & { length?: number })[] }>;
  ioctls: { name: string; nr: number; dir: string; payload: string | null; size: number; codeNumber: number }[];
  constants: Record<string, Record<string, number>>;
  enums: Record<string, Record<string, number>>;
  pixelFormats: { name: string; value: number }[];
  errno: Record<string, number>;
}
interface Node {
  readonly kind: 'scalar' | 'bytes' | 'nested' | 'array';
  readonly type?: string;
  readonly offset: number;
  readonly size: number;
  readonly fields?: Record<string, Node>;
  readonly at?: (index: number) => Node;
}

interface AnyStruct {
  readonly name: string;
  readonly size: number;
  readonly fields: Record<string, Node>;
}

const abi = JSON.parse(readFileSync(new URL('../../abi/v4l2-abi.json', import.meta.url), 'utf8')) as Abi;

/** The scalars and byte runs of a struct by dotted path, as the table names them: unnamed unions do not show, padding is left out. */
function leaves(fields: Record<string, Node>, prefix = ''): Leaf[] {
  return Object.entries(fields).flatMap(([name, node]) => {
    if (name.startsWith('_')) return [];
    const path = name === 'anon' ? prefix : prefix === '' ? name : `${prefix}.${name}`;
    return leavesOf(node, path);
  });
}

function leavesOf(node: Node, path: string): Leaf[] {
  if (node.kind === 'nested') return leaves(node.fields ?? {}, path);
  if (node.kind !== 'array') return [{ path, type: node.type ?? 'bytes', offset: node.offset, size: node.size }];
  const first = node.at?.(0) as Node;
  if (first.kind === 'scalar') return [{ path, type: first.type as string, offset: node.offset, size: node.size }];
  return leavesOf(first, `${path}[]`);
}

/** Alternatives of unions that no device here fills in. */
const LEFT_OUT = [
  /\.fmt\.(win|vbi|sliced|sdr|meta)\./,
  /^v4l2_event\.u\.(vsync|motion_det)\./,
  /^v4l2_ext_control\.(string|p_)/,
  /\.hsv_enc$/,
];

describe('the ABI table', () => {
  test.each(VIDEODEV2_STRUCTS.map((s) => [s.name, s] as const))('%s has the size and offsets of the table', (name, struct) => {
    const reference = abi.structs[name];
    if (reference === undefined) expect.fail(`the table has no struct ${name}`);
    expect(struct.size).toBe(reference.size);
    const ours = leaves(struct.fields as unknown as Record<string, Node>);
    const named = new Set<string>();
    const theirs = new Map(reference.flat.map((leaf) => [leaf.path, leaf]));
    for (const leaf of ours) {
      // `raw` is a struct of one array in the header, and bytes here
      const other = theirs.get(leaf.path) ?? theirs.get(`${leaf.path}.data`);
      named.add(other?.path ?? '');
      expect({ path: leaf.path, offset: leaf.offset, size: leaf.size }).toEqual({
        path: other && leaf.path,
        offset: other?.offset,
        size: other?.size,
      });
      // bytes stand for arrays of any scalar, and for pointers
      if (leaf.type !== 'bytes') expect(`${leaf.path}: ${leaf.type}`).toBe(`${leaf.path}: ${other?.type}`);
    }
    const missing = [...theirs.keys()].filter(
      (path) => !named.has(path) && !LEFT_OUT.some((rule) => rule.test(`${name}.${path}`)),
    );
    expect(missing).toEqual([]);
  });

  test('every ioctl that carries a struct declared here has its size', () => {
    const sizes = new Map(VIDEODEV2_STRUCTS.map((s) => [s.name as string, s.size]));
    for (const ioctl of IOCTLS) {
      const size = ioctl.payload === null ? undefined : sizes.get(ioctl.payload);
      if (size !== undefined) expect(`${ioctl.name} ${ioctl.size}`).toBe(`${ioctl.name} ${size}`);
    }
    expect(IOCTLS.map(({ name, nr, dir, payload, size }) => ({ name, nr, dir, payload, size }))).toEqual(
      abi.ioctls.map(({ name, nr, dir, payload, size }) => ({ name, nr, dir, payload, size })),
    );
  });

  test('every constant and errno has the value of the table', () => {
    const table: Record<string, number> = Object.assign({}, ...Object.values(abi.constants), ...Object.values(abi.enums));
    for (const { name, value } of abi.pixelFormats) table[name] = value;
    expect({ ...constants }).toEqual(table);
    expect(Errno).toEqual(abi.errno);
  });
});

/** The structs of virtio-media, as the specification's text gives them (VIRTIO 1.4, 5.22), in C. */
const VIRTIO_MEDIA_C = `
struct virtio_media_config { __u32 device_caps; __u32 device_type; __u8 card[32]; };
struct virtio_media_cmd_header { __u32 cmd; __u32 _reserved; };
struct virtio_media_resp_header { __u32 status; __u32 _reserved; };
struct virtio_media_resp_open { struct virtio_media_resp_header hdr; __u32 session_id; __u32 _reserved; };
struct virtio_media_cmd_close { struct virtio_media_cmd_header hdr; __u32 session_id; __u32 _reserved; };
struct virtio_media_cmd_ioctl { struct virtio_media_cmd_header hdr; __u32 session_id; __u32 code; };
struct virtio_media_cmd_mmap { struct virtio_media_cmd_header hdr; __u32 session_id; __u32 flags; __u32 offset; };
struct virtio_media_resp_mmap { struct virtio_media_resp_header hdr; __u64 driver_addr; __u64 len; };
struct virtio_media_cmd_munmap { struct virtio_media_cmd_header hdr; __u64 driver_addr; };
struct virtio_media_event_header { __u32 event; __u32 session_id; };
struct virtio_media_event_error { struct virtio_media_event_header hdr; __u32 errno_; __u32 _reserved; };
struct virtio_media_event_dqbuf { struct virtio_media_event_header hdr; struct v4l2_buffer buffer; struct v4l2_plane planes[8]; };
struct virtio_media_event_event { struct virtio_media_event_header hdr; struct v4l2_event event; };
struct virtio_media_sg_entry { __u64 start; __u32 len; __u32 _reserved; };
`;

const media = new Map(
  Object.entries(virtioMedia).filter(([, value]) => typeof value === 'object') as unknown as [string, AnyStruct][],
);

/** name, size, offsets of the members, counted from the specification */
const VIRTIO_MEDIA: readonly [string, number, Record<string, number>][] = [
  ['virtio_media_config', 40, { device_caps: 0, device_type: 4, card: 8 }],
  ['virtio_media_cmd_header', 8, { cmd: 0 }],
  ['virtio_media_resp_header', 8, { status: 0 }],
  ['virtio_media_resp_open', 16, { hdr: 0, session_id: 8 }],
  ['virtio_media_cmd_close', 16, { hdr: 0, session_id: 8 }],
  ['virtio_media_cmd_ioctl', 16, { hdr: 0, session_id: 8, code: 12 }],
  ['virtio_media_cmd_mmap', 20, { hdr: 0, session_id: 8, flags: 12, offset: 16 }],
  ['virtio_media_resp_mmap', 24, { hdr: 0, driver_addr: 8, len: 16 }],
  ['virtio_media_cmd_munmap', 16, { hdr: 0, driver_addr: 8 }],
  ['virtio_media_event_header', 8, { event: 0, session_id: 4 }],
  ['virtio_media_event_error', 16, { hdr: 0, errno: 8 }],
  ['virtio_media_event_dqbuf', 608, { hdr: 0, buffer: 8, planes: 96 }],
  ['virtio_media_event_event', 144, { hdr: 0, event: 8 }],
  ['virtio_media_sg_entry', 16, { start: 0, len: 8 }],
];

const mediaStructs = [...media.values()];

describe('virtio-media structs', () => {
  test.each(VIRTIO_MEDIA)('%s is %d bytes, its members where the specification puts them', (name, size, offsets) => {
    const struct = media.get(name) as AnyStruct;
    expect(struct.name).toBe(name);
    expect(struct.size).toBe(size);
    const members = Object.entries(struct.fields).filter(([member]) => !member.startsWith('_'));
    expect(Object.fromEntries(members.map(([member, node]) => [member, node.offset]))).toEqual(offsets);
  });

  test('the list of structs in this test is complete', () => {
    expect([...media.keys()].sort()).toEqual(VIRTIO_MEDIA.map(([name]) => name).sort());
  });
});

/** One number that C says: `expression` evaluated by the compiler. */
interface Question {
  readonly what: string;
  readonly expression: string;
  readonly expected: number;
}

function layoutQuestions(struct: AnyStruct, cName: string): Question[] {
  const cPath = (path: string): string => path.replaceAll('[]', '[0]').replace(/\berrno$/, 'errno_');
  return [
    { what: `sizeof ${struct.name}`, expression: `sizeof(struct ${cName})`, expected: struct.size },
    ...leaves(struct.fields).flatMap((leaf) => [
      {
        what: `${struct.name}.${leaf.path}`,
        expression: `offsetof(struct ${cName}, ${cPath(leaf.path)})`,
        expected: leaf.offset,
      },
      {
        what: `sizeof ${struct.name}.${leaf.path}`,
        expression: `sizeof(((struct ${cName} *)0)->${cPath(leaf.path)})`,
        expected: leaf.size,
      },
    ]),
  ];
}

const questions: Question[] = [
  ...VIDEODEV2_STRUCTS.flatMap((s) => layoutQuestions(s as unknown as AnyStruct, s.name)),
  ...mediaStructs.flatMap((s) => layoutQuestions(s, s.name)),
  ...layoutQuestions(virtq_desc as unknown as AnyStruct, 'vring_desc'),
  ...layoutQuestions(virtq_used_elem as unknown as AnyStruct, 'vring_used_elem'),
  ...Object.entries(constants).map(([name, expected]) => ({ what: name, expression: name, expected })),
  ...Object.entries(Errno).map(([name, expected]) => ({ what: name, expression: name, expected })),
  ...IOCTLS.flatMap((ioctl) => [
    { what: `${ioctl.name} nr`, expression: `_IOC_NR(${ioctl.name})`, expected: ioctl.nr },
    { what: `${ioctl.name} size`, expression: `_IOC_SIZE(${ioctl.name})`, expected: ioctl.size },
    {
      what: `${ioctl.name} dir`,
      expression: `_IOC_DIR(${ioctl.name})`,
      expected: { none: 0, W: 1, R: 2, WR: 3 }[ioctl.dir],
    },
  ]),
];

const PRELUDE = `#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <linux/version.h>
#include <linux/videodev2.h>
#include <linux/virtio_ring.h>
/* The headers of some kernels use this macro of the kernel's own without having it. */
#ifndef GENMASK
#define GENMASK(h, l) ((~0UL << (l)) & (~0UL >> (63 - (h))))
#endif
${VIRTIO_MEDIA_C}
int main(void) {
  printf("%d %d\\n", (int)sizeof(long), LINUX_VERSION_CODE);
`;

type Answers = { readonly version: number; readonly values: ReadonlyMap<string, number>; readonly unknown: readonly string[] };

/** Asks the compiler. Questions it does not understand, because its header is older, come back as unknown. A string: why not at all. */
function ask(directory: string): Answers | string {
  const compiler = process.env.CC ?? 'cc';
  const include = spawnSync(compiler, ['-E', '-x', 'c', '-'], { input: '#include <linux/videodev2.h>\n' });
  if (include.error !== undefined) return `there is no C compiler (${compiler})`;
  if (include.status !== 0) return 'there is no <linux/videodev2.h>';
  const source = join(directory, 'probe.c');
  const program = join(directory, 'probe');
  const unknown: string[] = [];
  let left = questions;
  const first = PRELUDE.split('\n').length;
  // A name that is missing makes errors in its own line only; a second pass is for what the first did not get to.
  for (let pass = 0; pass < 4; pass++) {
    const lines = left.map((q, i) => `  printf("%d %lld\\n", ${i}, (long long)(${q.expression}));`);
    writeFileSync(source, `${PRELUDE}${lines.join('\n')}\n  return 0;\n}\n`);
    const compiled = spawnSync(compiler, ['-w', '-fmax-errors=0', '-o', program, source], {
      encoding: 'utf8',
    });
    if (compiled.status === 0) {
      const [head = '', ...rows] = execFileSync(program, { encoding: 'utf8' }).trim().split('\n');
      const [long, version = 0] = head.split(' ').map(Number);
      if (long !== 8) return 'the compiler is not for a 64-bit machine';
      const values = rows
        .map((row) => row.split(' ').map(Number))
        .map(([i, value]) => [left[i as number]?.what ?? '', value ?? 0] as const);
      return { version, values: new Map(values), unknown };
    }
    const bad = new Set(
      [...compiled.stderr.matchAll(/probe\.c:(\d+):(?:\d+:)? error/g)].map((match) => Number(match[1]) - first),
    );
    if (bad.size === 0) expect.fail(`the compiler failed: ${compiled.stderr.slice(0, 500)}`);
    unknown.push(...left.filter((_, i) => bad.has(i)).map((q) => q.what));
    left = left.filter((_, i) => !bad.has(i));
  }
  return expect.fail('the compiler still finds unknown names after four passes');
}

describe('the C compiler', () => {
  test('agrees with every size, offset and constant that its header knows', (context) => {
    const directory = mkdtempSync(join(tmpdir(), 'paravideo-abi-'));
    try {
      const answers = ask(directory);
      if (typeof answers === 'string') return context.skip(answers);
      const differs = (q: Question): boolean => {
        const value = answers.values.get(q.what);
        return value !== undefined && (value | 0) !== (q.expected | 0);
      };
      // A member that a later header has was carved out of what was reserved before.
      const carved = (q: Question): boolean =>
        answers.unknown.some((what) => q.what.replace('sizeof ', '') === `${what.split('.')[0]}.reserved`);
      const wrong = questions
        .filter((q) => differs(q) && !carved(q))
        .map((q) => `${q.what}: here ${q.expected}, in C ${answers.values.get(q.what)}`);
      expect(wrong).toEqual([]);
      expect(answers.values.size + answers.unknown.length).toBe(questions.length);
      if (answers.version >= abi.source.linuxVersionCode) expect(answers.unknown).toEqual([]);
      else if (answers.unknown.length > 0) {
        const fields = answers.unknown.filter((what) => /\./.test(what) && !what.startsWith('sizeof'));
        const rest = answers.unknown.filter((what) => !/\./.test(what));
        console.info(
          `skipped, newer than this system's header: ${fields.join(', ')}; and ${rest.length} constants, ${rest.slice(0, 6).join(', ')} among them`,
        );
      }
      // Whatever the age of the header, it knows most of it.
      expect(answers.values.size).toBeGreaterThan(questions.length / 2);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
