// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';
import { type DoctorFinding, examine } from './doctor.ts';
import { EXIT } from './exit-codes.ts';

const MARKS: Readonly<Record<DoctorFinding['state'], string>> = { good: 'ok', limited: '--', missing: '!!' };

/** Adds `paravideo doctor`. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('say what this machine can do, and what to install for what it cannot')
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', '\nExamples:\n  paravideo doctor\n  paravideo doctor --json | jq \'.[] | select(.state != "good")\'')
    .action(async (options: { json?: boolean }) => {
      const findings = await examine();
      if (options.json) console.log(JSON.stringify(findings, null, 2));
      else console.log(findings.map(render).join('\n'));
      if (findings.some((finding) => finding.state === 'missing')) process.exitCode = EXIT.unavailable;
    });
}

function render(finding: DoctorFinding): string {
  const line = `${MARKS[finding.state]}  ${finding.name.padEnd(24)} ${finding.found}`;
  return finding.remedy === undefined ? line : `${line}\n    ${' '.repeat(24)} -> ${finding.remedy}`;
}
