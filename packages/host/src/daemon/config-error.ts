// SPDX-License-Identifier: Apache-2.0
/** The configuration is not usable. `problems` has one line each, with file, line and field where there is a file. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}
