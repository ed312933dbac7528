// SPDX-License-Identifier: Apache-2.0
/** The command cannot be carried out. The message is one line with the remedy; `status` becomes the exit code. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}
