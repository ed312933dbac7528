// SPDX-License-Identifier: Apache-2.0

/** A command or configuration that a document tells to copy. */
export interface Example {
  /** the heading above it, and which one it is there where there are several */
  readonly title: string;
  readonly language: string;
  readonly text: string;
}

/** All fenced blocks of a document. */
export function examplesOf(document: string): readonly Example[] {
  const examples: Example[] = [];
  let heading = '';
  let there = 0;
  let open: { language: string; lines: string[] } | undefined;
  for (const line of document.split('\n')) {
    const fence = /^\s*```(\w*)$/.exec(line);
    if (open === undefined) {
      const titled = /^#+ (.*)$/.exec(line);
      if (titled !== null) [heading, there] = [titled[1] ?? '', 0];
      if (fence !== null) open = { language: fence[1] ?? '', lines: [] };
    } else if (fence === null) open.lines.push(line);
    else {
      there += 1;
      examples.push({
        title: there === 1 ? heading : `${heading}, ${there}`,
        language: open.language,
        text: `${open.lines.join('\n')}\n`,
      });
      open = undefined;
    }
  }
  return examples;
}
