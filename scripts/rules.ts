// SPDX-License-Identifier: Apache-2.0
/** The ids of rules that the repository cites, against docs/RULES.md, which says what each of them means. */

/** The document that has a row for every id. */
export const RULES = 'docs/RULES.md';

/** A file and what is in it. */
export interface TextFile {
  /** relative to the top of the repository */
  readonly path: string;
  readonly text: string;
}

/** Ids with a number. Display P3 and DCI-P3 are colours, and no rule has a number that begins with 0 (P010 is a format). */
const NUMBERED = /(?<![\w-])V(?:[MU]-[A-Z]+|(?:10|6)-[A-Z])\d+(?!\w)|(?<![\w-]|Display )P[1-9]\d?(?![\w-])/g;
/** Ids that are words (STOP, DEC) are ordinary words elsewhere: they are ids in the list of ids of a check alone. */
const LISTED = /\bids: \[([^\]]*)\]/g;
const WORD = /'([A-Z]+)'/g;

/** A row of a table: the id, a mark if nobody cites it, a sentence, its source. */
const ROW = /^\| ((?:V10-|V6-)?[A-Z]+(?:-[A-Z]+)?\d*)( †)? \|(.*)$/;
const CELLS = /^ [A-Z].*\. \| .*\S \|$/;

function* citations({ path, text }: TextFile): Generator<{ id: string; at: string }> {
  const at = (index: number): string => `${path}:${text.slice(0, index).split('\n').length}`;
  for (const match of text.matchAll(NUMBERED)) yield { id: match[0], at: at(match.index) };
  for (const list of text.matchAll(LISTED)) {
    for (const [, id] of (list[1] ?? '').matchAll(WORD)) if (id !== undefined) yield { id, at: at(list.index) };
  }
}

/** What is wrong between the files' citations and the rows of docs/RULES.md, one line for each place. */
export function checkRules(files: readonly TextFile[]): string[] {
  const document = files.find((file) => file.path === RULES);
  if (document === undefined) return [`${RULES} is missing`];
  const findings: string[] = [];
  const rows = new Map<string, { at: string; marked: boolean }>();
  for (const [index, line] of document.text.split('\n').entries()) {
    const [, id, mark, rest] = ROW.exec(line) ?? [];
    if (id === undefined) continue;
    const at = `${RULES}:${index + 1}`;
    if (rows.has(id)) findings.push(`${at} has a second row for ${id}`);
    if (!CELLS.test(rest ?? '')) findings.push(`${at} has no sentence or no source for ${id}`);
    rows.set(id, { at, marked: mark !== undefined });
  }
  const cited = new Set<string>();
  for (const file of files) {
    if (file === document) continue;
    for (const { id, at } of citations(file)) {
      cited.add(id);
      if (!rows.has(id)) findings.push(`${at} cites ${id}, which ${RULES} does not explain`);
    }
  }
  for (const [id, { at, marked }] of rows) {
    if (marked && cited.has(id)) findings.push(`${at} marks ${id} with †, but it is cited`);
    if (!marked && !cited.has(id)) findings.push(`${at} explains ${id}, which nobody cites: delete it or mark it with †`);
  }
  return findings;
}
