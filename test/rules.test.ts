// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { checkRules, RULES } from '../scripts/rules.ts';

// Ids are put together here, so that the check of the repository does not take them for citations.
const id = (group: string, number: number): string => `${group}${number}`;
const D1 = id('VM-D', 1);
const P2 = id('P', 2);
const check = (...ids: string[]) => `{ ids: [${ids.map((word) => `'${word}'`).join(', ')}] }`;

const row = (first: string, mark = '') => `| ${first}${mark} | The device does something. | 5.22.6 |`;
const HEAD = ['| Id | Rule | Source |', '| --- | --- | --- |'];
const rules = (...rows: string[]) => ({ path: RULES, text: [...HEAD, ...rows].join('\n') });

describe('the check of rule ids', () => {
  it('accepts citations that have a row, and ranges by their ends', () => {
    const V10 = id('V10-I', 1);
    const text = `// as ${D1} to ${id('VM-D', 9)} demand (${V10})\n${check(P2, 'STOP')}`;
    const rows = [D1, id('VM-D', 9), P2, V10, 'STOP'].map((each) => row(each));
    expect(checkRules([rules(...rows), { path: 'a.ts', text }])).toEqual([]);
  });

  it('names file and line of each id without a row, in code, tests, documents and C', () => {
    const files = [
      { path: 'packages/a.ts', text: `// first\n// second (${id('VU-V', 99)})` },
      { path: 'packages/a.test.ts', text: `it('${id('P', 20)}: is kept', () => {});` },
      { path: 'docs/A.md', text: `| yes | ${id('VM-DX', 18)} |` },
      { path: 'guest/linux/a.c', text: `\n\n/* ${id('VM-RX', 9)} */` },
      { path: 'packages/b.ts', text: `// ${id('V10-I', 12)} and ${id('V6-D', 35)}` },
      { path: 'packages/checks.ts', text: `x\n${check(D1, 'PAUSE')}` },
    ];
    expect(checkRules([rules(row(D1)), ...files])).toEqual([
      `packages/a.ts:2 cites ${id('VU-V', 99)}, which ${RULES} does not explain`,
      `packages/a.test.ts:1 cites ${id('P', 20)}, which ${RULES} does not explain`,
      `docs/A.md:1 cites ${id('VM-DX', 18)}, which ${RULES} does not explain`,
      `guest/linux/a.c:3 cites ${id('VM-RX', 9)}, which ${RULES} does not explain`,
      `packages/b.ts:1 cites ${id('V10-I', 12)}, which ${RULES} does not explain`,
      `packages/b.ts:1 cites ${id('V6-D', 35)}, which ${RULES} does not explain`,
      `packages/checks.ts:2 cites PAUSE, which ${RULES} does not explain`,
    ]);
  });

  it('names a row that nobody cites, unless it is marked, and a mark on a row that is cited', () => {
    const cites = { path: 'a.ts', text: `// ${D1}` };
    expect(checkRules([rules(row(D1), row(P2)), cites])).toEqual([
      `${RULES}:4 explains ${P2}, which nobody cites: delete it or mark it with †`,
    ]);
    expect(checkRules([rules(row(D1), row(P2, ' †')), cites])).toEqual([]);
    expect(checkRules([rules(row(D1, ' †')), cites])).toEqual([`${RULES}:3 marks ${D1} with †, but it is cited`]);
  });

  it('wants one row an id, with a sentence and a source', () => {
    const cites = { path: 'a.ts', text: `// ${D1}, ${P2}` };
    expect(checkRules([rules(row(D1), row(D1), `| ${P2} | no sentence | |`), cites])).toEqual([
      `${RULES}:4 has a second row for ${D1}`,
      `${RULES}:5 has no sentence or no source for ${P2}`,
    ]);
  });

  it('does not take colours, pixel formats, licences, commands and names for ids', () => {
    const text = [
      'Display P3, DCI-P3, P3-D65, P010, P016, yuv420p10, NV12, MPEG-2, UTF-8, GPL-2.0, DEC, STOP, DECODER_CMD STOP',
      "const ids: number[] = [1]; drain('STOP'); V4L2_DEC_CMD_STOP; VMS-1; aVM-D1; VM-D, VU-V…",
    ].join('\n');
    expect(checkRules([rules(row(id('P', 1), ' †')), { path: 'a.ts', text }])).toEqual([]);
  });

  it('says that the document is missing', () => {
    expect(checkRules([{ path: 'a.ts', text: `// ${D1}` }])).toEqual([`${RULES} is missing`]);
  });
});
