// SPDX-License-Identifier: Apache-2.0
/** Lines of documents that do not fit on a screen beside another. */

/** Characters of a line at most; rows of tables may have more. */
export const MAX_LINE = 120;

/** Finds the lines of Markdown files that are too long. */
export function longLines(files: readonly { readonly path: string; readonly text: string }[]): string[] {
  return files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, i) => {
      const { length } = [...line];
      if (!path.endsWith('.md') || length <= MAX_LINE || line.trimStart().startsWith('|')) return [];
      return [`${path}:${i + 1} has ${length} characters: ${MAX_LINE} at most, tables aside`];
    }),
  );
}
