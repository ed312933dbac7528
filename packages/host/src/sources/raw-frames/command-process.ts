// SPDX-License-Identifier: Apache-2.0
/**
 * A program of the configuration, and all that it starts, in a process group of its own. A shell leads the group and waits for the
 * program. Beside it a second one waits for a word from this process, which never comes: when this process ends, however that happens,
 * that is the end of the group.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { setPriority } from 'node:os';
import { closeOnExec, type Fd, growPipe, pipe, setBlocking, socketpair } from '../../sys/index.ts';
import { PIPE_BYTES } from './fifo-origin.ts';
import { printable } from './producer-fault.ts';

/** Descriptor of the shells' end of the socket to this process. The program has none of it. */
const TIE_FD = 3;
/** Where the shell keeps standard input: what it starts in the background has none but what it is given by another number. */
const INPUT_FD = 4;
/** Milliseconds that a program has from SIGTERM to its end. */
export const GRACE = 2000;
/** Bytes of stderr that are logged in STDERR_WINDOW milliseconds; the rest is read and dropped. */
export const STDERR_BYTES = 4096;
const STDERR_WINDOW = 10_000;
/** Where processors are short, the event loop comes first. */
const NICE = 5;

/** A signal that interrupts the waiting is not the program's end, which is told to this process. */
const GROUP = `
  trap : TERM INT HUP QUIT
  exec ${INPUT_FD}<&0
  "$@" <&${INPUT_FD} ${INPUT_FD}<&- ${TIE_FD}>&- &
  program=$!
  exec ${INPUT_FD}<&- </dev/null >/dev/null 2>&1
  ( trap "" TERM INT HUP QUIT; read -r _ <&${TIE_FD}; kill -KILL 0 ) &
  while :; do
    wait "$program"
    status=$?
    kill -0 "$program" || break
  done
  # A signal may have cut the waiting short for a program that had ended; 127: its end was told.
  wait "$program"
  last=$?
  [ "$last" = 127 ] || status=$last
  echo "$status" >&${TIE_FD}
  kill -KILL 0`;

/** What is not for a program that is started. */
const OURS = /^(NODE_|NOTIFY_SOCKET$|WATCHDOG_|LISTEN_|INVOCATION_ID$|JOURNAL_STREAM$)/;

/** See the top of the file. */
export class CommandProcess {
  /** what it writes to standard output, or reads from standard input; the caller's */
  readonly stream: Fd;
  /** Resolves to how it ended, when it has and its group was killed: others of that may be dying still. */
  readonly gone: Promise<string>;
  readonly #shell: ChildProcess;
  readonly #program: string;
  #running = true;
  #told = '';

  /**
   * Throws `SysError` where the system has nothing left for it.
   * @param o.stream which of its standard streams is wanted; the other is empty, or goes nowhere
   * @param o.stderr hears all that it writes to stderr
   */
  constructor(o: {
    command: readonly string[];
    folder: string;
    stream?: 'output' | 'input';
    stderr: (bytes: Buffer) => void;
  }) {
    this.#program = o.command[0] ?? '';
    using ends = new DisposableStack();
    const [from, to] = pipe();
    const [ours, its] = o.stream === 'input' ? [to, from] : [from, to];
    ends.use(its);
    setBlocking(its);
    try {
      growPipe(ours, PIPE_BYTES);
      const [tie, theirs] = socketpair();
      ends.use(theirs);
      setBlocking(theirs);
      const [stderr, theirStderr] = pipe();
      ends.use(theirStderr);
      // What the daemon inherited, or a library opened without close-on-exec, must not reach the program.
      closeOnExec(TIE_FD);
      this.#shell = spawn('/bin/sh', ['-c', GROUP, 'sh', ...o.command], {
        cwd: o.folder,
        env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.test(name))),
        stdio:
          o.stream === 'input'
            ? [its.number, 'ignore', theirStderr.number, theirs.number]
            : ['ignore', its.number, theirStderr.number, theirs.number],
        detached: true,
      });
      this.gone = this.#watch(new Socket({ fd: tie.take() }));
      new Socket({ fd: stderr.take(), writable: false }).on('error', () => {}).on('data', o.stderr);
    } catch (error) {
      ours.close();
      throw error;
    }
    this.stream = ours;
    const { pid } = this.#shell;
    if (pid !== undefined) setNice(pid, NICE);
  }

  /** Id of the process that leads the group; undefined if it could not be started. */
  get pid(): number | undefined {
    return this.#shell.pid;
  }

  /** Asks it to end, and ends it if it does not. Resolves to how it ended. */
  async stop(): Promise<string> {
    this.#signal('SIGTERM');
    const alarm = setTimeout(() => this.#signal('SIGKILL'), GRACE);
    const reason = await this.gone;
    clearTimeout(alarm);
    return reason;
  }

  #signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    const { pid } = this.#shell;
    if (pid === undefined || !this.#running) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // It has just ended.
    }
  }

  /** The socket is closed when both shells are gone, and then the whole group has been killed. */
  async #watch(tie: Socket): Promise<string> {
    const closed = new Promise<void>((resolve) => {
      tie
        .on('error', () => {})
        .on('data', (bytes: Buffer) => {
          if (this.#told.length < 8) this.#told += bytes.toString('latin1');
        })
        .on('close', () => resolve());
    });
    const exited = new Promise<string>((resolve) => {
      this.#shell.once('error', (error) => resolve(`it could not be started: ${error.message}`));
      this.#shell.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
    const shell = await exited;
    // The leader was waited for: from now on its number may be another's.
    this.#running = false;
    await closed;
    return this.#told === '' ? shell : this.#meaning(Number(this.#told));
  }

  #meaning(status: number): string {
    if (status === 127) return `there is no program ${this.#program} (exit code 127)`;
    if (status === 126) return `${this.#program} cannot be run (exit code 126)`;
    return status > 128 ? `signal ${status - 128}` : `exit code ${status}`;
  }
}

/** What it starts from now on inherits it. */
function setNice(pid: number, nice: number): void {
  try {
    setPriority(pid, nice);
  } catch {
    // It has just ended.
  }
}

/** What a program says on stderr, so much of it that a log can bear it. */
export function heard(tell: (text: string) => void): (bytes: Buffer) => void {
  let [since, left] = [performance.now(), STDERR_BYTES];
  return (bytes) => {
    const now = performance.now();
    if (now - since > STDERR_WINDOW) [since, left] = [now, STDERR_BYTES];
    const shown = bytes.subarray(0, Math.max(0, left));
    left -= bytes.length;
    if (shown.length > 0) tell(printable(shown).replace(/\.+$/, ''));
  };
}
