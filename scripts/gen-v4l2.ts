// SPDX-License-Identifier: Apache-2.0
/**
 * Writes the constants, the ioctl table and errno of packages/core/src/wire/ (*.gen.ts) from
 * packages/core/abi/v4l2-abi.json, which was read off the kernel's own headers. Structs are declared by hand in
 * wire/v4l2/videodev2.ts and asserted against the same file by a test. The numbers of pixel formats and of colorimetry go to
 * packages/core/src/picture/, which is below the structs.
 *
 * node scripts/gen-v4l2.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Abi {
  ioctls: { name: string; nr: number; dir: 'R' | 'W' | 'WR' | 'none'; payload: string | null; size: number }[];
  pixelFormats: { name: string; value: number }[];
  constants: Record<string, Record<string, number>>;
  enums: Record<string, Record<string, number>>;
  errno: Record<string, number>;
}

const core = new URL('../packages/core/', import.meta.url);
const abi = JSON.parse(readFileSync(new URL('abi/v4l2-abi.json', core), 'utf8')) as Abi;
const head = '// SPDX-License-Identifier: Apache-2.0\n// Made by scripts/gen-v4l2.ts from abi/v4l2-abi.json; do not edit.\n\n';

function constants(doc: string, table: Record<string, number>): string {
  return `/* ${doc} */\n${Object.entries(table)
    .map(([name, value]) => `/** \`${name}\` */\nexport const ${name} = ${value};`)
    .join('\n')}\n`;
}

const seen = new Set<string>();
const once = (table: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(table).filter(([name]) => !seen.has(name) && seen.add(name)));

const PICTURE_GROUPS = ['colorspaces', 'xferFuncs', 'ycbcrEncodings', 'quantizations'];
const pixelFormats = Object.fromEntries(abi.pixelFormats.map((f) => [f.name, f.value]));
const pictures = [
  constants('pixel formats', once(pixelFormats)),
  ...PICTURE_GROUPS.map((group) => constants(group, once(abi.constants[group] ?? {}))),
];
writeFileSync(new URL('src/picture/picture-constants.gen.ts', core), head + pictures.join('\n'));

const rest = Object.entries(abi.constants).filter(([group]) => !PICTURE_GROUPS.includes(group));
const groups = rest.map(([group, table]) => constants(group, once(table)));
const enums = Object.entries(abi.enums).map(([tag, table]) => constants(`enum ${tag}`, once(table)));
const shared = "export * from '../../picture/picture-constants.gen.ts';\n\n";
writeFileSync(new URL('src/wire/v4l2/videodev2-constants.gen.ts', core), head + shared + [...groups, ...enums].join('\n'));

const errno = Object.entries(abi.errno);
writeFileSync(
  new URL('src/wire/errno.gen.ts', core),
  `${head}/** Linux errno values by name: what \`status\` and EVT_ERROR carry. */\nexport const Errno = {\n${errno
    .map(([name, value]) => `  ${name}: ${value},`)
    .join('\n')}\n} as const;\n`,
);

writeFileSync(
  new URL('src/wire/v4l2/ioctls.gen.ts', core),
  `${head}/** One ioctl: \`nr\` is what \`virtio_media_cmd_ioctl.code\` carries; \`dir\` is seen from the driver; \`size\` in bytes. */\n` +
    `export interface IoctlInfo {\n  readonly name: string;\n  readonly nr: number;\n  readonly dir: 'R' | 'W' | 'WR' | 'none';\n  readonly payload: string | null;\n  readonly size: number;\n}\n\n` +
    abi.ioctls.map((i) => `/** \`${i.name}\`: number of the ioctl */\nexport const ${i.name} = ${i.nr};`).join('\n') +
    `\n\n/** Every ioctl of <linux/videodev2.h>. */\nexport const IOCTLS: readonly IoctlInfo[] = [\n${abi.ioctls
      .map(
        (i) =>
          `  { name: '${i.name}', nr: ${i.nr}, dir: '${i.dir}', payload: ${i.payload ? `'${i.payload}'` : 'null'}, size: ${i.size} },`,
      )
      .join('\n')}\n];\n`,
);
