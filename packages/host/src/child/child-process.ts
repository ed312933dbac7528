// SPDX-License-Identifier: Apache-2.0
/**
 * A child process that handles foreign data: it gets the descriptors named here and a socket, nothing else; none of our
 * environment, no channel of Node's. What it says is only numbers (`message.ts`), for its user to check.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { Socket } from 'node:net';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { closeOnExec, type Fd, setBlocking, socketpair } from '../sys/index.ts';
import { MessageLink } from './message-link.ts';
import { ProtocolError } from './protocol-error.ts';

/** Where the child finds its socket. */
export const LINK_FD = 3;
/** Where the child finds the first of the descriptors that it was given; the others follow. */
export const FIRST_GIVEN_FD = 4;

/** Most bytes of a child's stderr that are logged; the rest is read and dropped. */
const MAX_STDERR = 4096;
/** Most bytes that it may write to stderr in STDERR_WINDOW milliseconds. */
const STDERR_BYTES = 2 ** 20;
const STDERR_WINDOW = 10_000;

/** What a child may say: so many messages unasked, so many more for each that it is sent, and no more of them saved than that. */
const UNASKED = 1000;
const ANSWERS = 8;
const MOST_OWED = 100_000;

/** Most bytes that wait for a child that does not read. */
const MAX_BACKLOG = 16 * 2 ** 20;

/** What a child is started with. */
export interface ChildOptions {
  /** the script to run, as named in the sources (`.ts`): the built one is taken where this file itself is built */
  readonly script: URL;
  readonly args?: readonly string[];
  /** descriptors of ours that the child gets as FIRST_GIVEN_FD and following; they stay ours */
  readonly fds: readonly number[];
  /** nice value of its threads, until all but the first are told to yield; unless told otherwise that of those that yield */
  readonly nice?: number;
  /** A message came. Whatever is thrown kills the child, and becomes the reason: a ProtocolError, or a fault of our own. */
  onMessage(message: readonly number[]): void;
  /** The child is gone, everything of it: it writes nothing any more. Called once. */
  onExit(reason: string): void;
  /** A line for the log: what the child wrote to stderr, limited. */
  onText(text: string): void;
}

const permissionFlags = (): string[] => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  // Before these versions the permission model is experimental and warns.
  if (major < 22 || (major === 22 && minor < 13) || (major === 23 && minor < 5)) return [];
  return ['--permission', '--allow-addons', '--allow-fs-read=*'];
};

/** Nice value of children: where the processor is short, the event loop and the cameras come before the decoders. */
const CHILD_NICE = 5;

/**
 * Copies of more bytes than this go past the processor's caches. A picture is larger than what a cache has for it, its
 * reader is another process, and what it would push out belongs to the decoder. glibc decides by the size of the cache
 * that the processor reports, which a virtual one may overstate by far. Where there is no glibc nobody reads it.
 */
const CACHED_COPY_BYTES = 256 * 1024;

const ENVIRONMENT = {
  // Rings of io_uring would reach files and sockets past the system call filter.
  UV_USE_IO_URING: '0',
  GLIBC_TUNABLES: `glibc.cpu.x86_non_temporal_threshold=${CACHED_COPY_BYTES}`,
};

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Sets the nice value of a thread; a process's id is that of its first thread. Threads that it makes later inherit it. */
function setNice(thread: number, nice: number): void {
  try {
    setPriority(thread, nice);
  } catch {
    // It has ended already (its exit tells), or this process is nicer than that itself.
  }
}

interface Launched {
  readonly process: ChildProcess;
  readonly link: Socket;
  readonly stderr: Socket;
}

/**
 * Starts a process with a socket and the descriptors given. Undefined if the system has nothing left for it (descriptors,
 * processes, memory), whichever way Node says so: it throws, or tells later; `failed` is called later in any case. The sockets are
 * made here, since Node forgets those that it made itself where descriptors run out.
 */
function launch(args: readonly string[], given: readonly number[], failed: (error: Error) => void): Launched | undefined {
  using ends = new DisposableStack();
  try {
    const [link, childLink] = socketpair().map((fd) => ends.use(fd)) as [Fd, Fd];
    const [stderr, childStderr] = socketpair().map((fd) => ends.use(fd)) as [Fd, Fd];
    // A child without an event loop waits in read.
    setBlocking(childLink);
    setBlocking(childStderr);
    const started = spawn(process.execPath, args, {
      cwd: '/',
      env: ENVIRONMENT,
      stdio: ['ignore', 'ignore', childStderr.number, childLink.number, ...given],
    });
    started.on('error', failed);
    if (started.pid === undefined) return undefined;
    return { process: started, link: new Socket({ fd: link.take() }), stderr: new Socket({ fd: stderr.take() }) };
  } catch (error) {
    setImmediate(() => failed(error instanceof Error ? error : new TypeError(String(error))));
    return undefined;
  }
}

/** One child, from start to exit. */
export class Child {
  readonly pid: number | undefined;
  /** undefined if the system refused it */
  readonly #process: ChildProcess | undefined;
  readonly #link: MessageLink | undefined;
  #fault: string | undefined;
  #killed = false;
  #gone = false;
  /** messages that it may still say */
  #owed = UNASKED;

  private constructor(o: ChildOptions) {
    const path = fileURLToPath(o.script);
    const script = import.meta.url.endsWith('.ts') ? path : path.replace(/\.ts$/, '.js');
    const flags = ['--no-warnings', '--disallow-code-generation-from-strings', ...permissionFlags()];
    const exit = (reason: string): void => {
      if (this.#gone) return;
      this.#gone = true;
      this.#link?.close();
      o.onExit(this.#fault ?? reason);
    };
    // What the daemon was started with, or a library opened without the flag, is nothing for a child.
    closeOnExec(LINK_FD);
    const started = launch([...flags, script, ...(o.args ?? [])], o.fds, (error) =>
      exit(`it could not be started: ${error.message}`),
    );
    if (started === undefined) return;
    this.#process = started.process;
    this.pid = this.#process.pid;
    // Threads that it makes from now on inherit it.
    if (this.pid !== undefined) setNice(this.pid, o.nice ?? CHILD_NICE);
    let text = MAX_STDERR;
    let [since, written] = [performance.now(), 0];
    started.stderr
      .on('error', () => {})
      .on('data', (bytes: Buffer) => {
        const now = performance.now();
        if (now - since > STDERR_WINDOW) [since, written] = [now, 0];
        written += bytes.length;
        if (written > STDERR_BYTES) this.kill(`it wrote more than ${STDERR_BYTES} bytes to stderr in ${STDERR_WINDOW / 1000} s`);
        if (text > 0)
          o.onText(
            bytes
              .subarray(0, text)
              .toString('latin1')
              .replace(/[^\x20-\x7e\n]/g, '?')
              .trimEnd(),
          );
        text -= bytes.length;
      });
    const deliver = (message: readonly number[]): void => {
      if (this.#killed) return;
      this.#owed -= 1;
      if (this.#owed < 0) {
        this.kill(`it says more than ${ANSWERS} messages for each that it is sent, and ${UNASKED} unasked`);
        return;
      }
      try {
        o.onMessage(message);
      } catch (error) {
        this.kill(error instanceof ProtocolError ? error.message : `what it said met a fault of the daemon: ${stackOf(error)}`);
      }
    };
    this.#link = new MessageLink(started.link, deliver, (error) =>
      // A socket that just broke says less than the exit that follows.
      this.kill(error instanceof ProtocolError ? error.message : undefined),
    );
    this.#process.on('exit', (code, signal) => exit(signal === null ? `exit code ${code}` : `signal ${signal}`));
  }

  /** Starts a child. A failure to start comes through `onExit`, like any other end. */
  static start(o: ChildOptions): Child {
    return new Child(o);
  }

  /** Sends numbers; nothing happens if the child is gone. */
  send(message: readonly number[]): void {
    if (this.#link === undefined || this.#killed) return;
    this.#owed = Math.min(MOST_OWED, this.#owed + ANSWERS);
    this.#link.send(message);
    if (this.#link.backlog > MAX_BACKLOG) this.kill(`it leaves more than ${MAX_BACKLOG} bytes of what it is sent unread`);
  }

  /** Gives all its threads but the first the nice value CHILD_NICE: those that there are now. */
  yieldThreads(): void {
    if (this.pid === undefined || this.#gone) return;
    let threads: string[] = [];
    try {
      threads = readdirSync(`/proc/${this.pid}/task`);
    } catch {
      // It has just ended.
    }
    for (const thread of threads) if (Number(thread) !== this.pid) setNice(Number(thread), CHILD_NICE);
  }

  /** Ends the child at once; `onExit` follows, with `reason` if one is given. */
  kill(reason?: string): void {
    this.#fault ??= reason;
    this.#killed = true;
    this.#process?.kill('SIGKILL');
  }
}
