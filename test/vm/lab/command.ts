// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { LabError } from './lab-error.ts';

/** How a command is run; `what` is what an error says could not be done. */
export interface CommandOptions {
  readonly what: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** called with each line of standard output and standard error */
  readonly onLine?: (line: string) => void;
}

/** Runs a command to its end and returns its standard output. Throws `LabError` with its last words if it fails. */
export async function command(program: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: { ...process.env, LC_ALL: 'C', ...options.env },
  });
  const parts: string[] = [];
  const lines: string[] = [];
  const take = (stream: NodeJS.ReadableStream, keep: boolean) => {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      if (keep) parts.push(text);
      const pieces = (rest + text).split('\n');
      rest = pieces.pop() ?? '';
      for (const line of pieces) {
        lines.push(line);
        if (lines.length > 40) lines.shift();
        options.onLine?.(line);
      }
    });
    stream.on('end', () => {
      if (rest !== '') lines.push(rest);
    });
  };
  take(child.stdout, true);
  take(child.stderr, false);
  const status = await new Promise<number | string>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ENOENT' ? `not installed` : error.message));
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  if (status === 0) return parts.join('');
  const reason = typeof status === 'number' ? `status ${status}` : status;
  throw new LabError(`${options.what} failed: ${program}: ${reason}${lines.length > 0 ? `\n  ${lines.join('\n  ')}` : ''}`);
}
