// SPDX-License-Identifier: Apache-2.0
/**
 * Checks that everything a folder offers to others (what its `index.ts` exports) has a docstring, that docs/RULES.md explains
 * every rule whose id is cited, and that documents have no long lines and name no file that is not there. Tables of constants
 * that are generated from the ABI (`*.gen.ts`) carry their names only.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { missingPaths } from './cited-paths.ts';
import { longLines } from './long-lines.ts';
import { checkRules } from './rules.ts';
import { ROOT, report, repositoryFiles } from './source-files.ts';

const files = repositoryFiles();
const texts = files
  .filter((path) => /\.(ts|js|mjs|c|h|sh|md)$|^\.ci\/run$/.test(path))
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
const indexes = files.filter((path) => /^packages\/[^/]+\/src\/(.*\/)?index\.ts$/.test(path));
const config = ts.getParsedCommandLineOfConfigFile(
  join(ROOT, 'tsconfig.test.json'),
  {},
  { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (d) => console.error(ts.flattenDiagnosticMessageText(d.messageText, '\n')) },
);
const program = ts.createProgram(
  indexes.map((path) => join(ROOT, path)),
  config?.options ?? {},
);
const checker = program.getTypeChecker();

const findings = new Set<string>();
for (const path of indexes) {
  const source = program.getSourceFile(join(ROOT, path));
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) continue;
  for (const exported of checker.getExportsOfModule(module)) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    const declaration = symbol.declarations?.[0];
    const file = declaration?.getSourceFile();
    if (!declaration || !file?.fileName.startsWith(ROOT) || file.fileName.endsWith('.gen.ts')) continue;
    if (symbol.getDocumentationComment(checker).length > 0) continue;
    const line = file.getLineAndCharacterOfPosition(declaration.getStart()).line + 1;
    findings.add(`${file.fileName.slice(ROOT.length + 1)}:${line} ${symbol.name} is exported without a docstring`);
  }
}
report('docs', texts.length, [...findings, ...checkRules(texts), ...longLines(texts), ...missingPaths(texts, files)].sort());
