// SPDX-License-Identifier: Apache-2.0
/**
 * The files of the guest driver depend on each other without a cycle. One file depends on another whose header it includes, or of
 * which it names something that is not static: a function or a table. A work item, or a table that the kernel calls, is no
 * dependency of the code that starts it.
 */
import { basename } from 'node:path';
import { cycles } from './cycles.ts';
import type { SourceFile } from './layers.ts';

/** Comments, strings and the lines of the preprocessor: what is named in there is not used. */
const NO_CODE = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|^[ \t]*#(?:\\\n|[^\n])*/gm;

/** What begins at the first column and comes to a brace or a value before a semicolon: a definition. Its name is the group. */
const DEFINITION =
  /^(?!static\b|typedef\b|(?:struct|enum|union)\s+\w+\s*\{)[A-Za-z_][\w\s*]*?\b(\w+)(?:\[[^\]]*\])?\s*(?:\([^;{}]*\)\s*\{|=)/gm;

/** Every cycle among the files, a line each; the files are C sources and headers of one folder. */
export function driverCycles(files: readonly SourceFile[]): string[] {
  const paths = new Map(files.map((file) => [basename(file.path), file.path]));
  const code = files.map(({ path, text }) => ({ path, text: text.replace(NO_CODE, ' ') }));
  const definedIn = new Map(
    code.flatMap(({ path, text }) => [...text.matchAll(DEFINITION)].map((found) => [found[1] ?? '', path] as const)),
  );
  const graph = new Map<string, string[]>();
  for (const [i, { path, text }] of code.entries()) {
    const included = [...(files[i]?.text ?? '').matchAll(/^#include "([^"]+)"/gm)].map((found) => paths.get(found[1] ?? ''));
    // A header declares what its users define: it depends on no source.
    const named = path.endsWith('.h') ? [] : [...new Set(text.match(/\b[A-Za-z_]\w*\b/g))].map((name) => definedIn.get(name));
    graph.set(path, [...new Set([...included, ...named])].filter((other) => other !== undefined && other !== path) as string[]);
  }
  return cycles(graph).map((way) => `cycle of driver files: ${way.join(' -> ')}`);
}
