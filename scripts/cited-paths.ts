// SPDX-License-Identifier: Apache-2.0
/** Files that documents name in code style, such as `core/picture/layout.ts`, and that are not there. */

/** A path with a folder and an ending, in backquotes. */
const CITED = /`((?:[\w.-]+\/)+[\w.-]+\.(?:ts|js|mjs|c|h|S|sh|md))`/g;

/** Where a path may start: the repository, or the sources of a package, named in front or known from the text around. */
const STARTS = ['', 'packages/', 'packages/core/src/', 'packages/host/src/'];

/** Finds the paths in Markdown files that name none of `known`, which are all files of the repository. */
export function missingPaths(
  files: readonly { readonly path: string; readonly text: string }[],
  known: readonly string[],
): string[] {
  const all = new Set(known);
  return files.flatMap(({ path, text }) =>
    !path.endsWith('.md')
      ? []
      : text.split('\n').flatMap((line, i) =>
          [...line.matchAll(CITED)].flatMap(([, cited = '']) => {
            const inPackage = cited.replace(/^(core|host)\//, 'packages/$1/src/');
            if (all.has(inPackage) || STARTS.some((start) => all.has(start + cited))) return [];
            return [`${path}:${i + 1} names ${cited}, which is not there`];
          }),
        ),
  );
}
