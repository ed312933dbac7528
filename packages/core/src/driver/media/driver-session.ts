// SPDX-License-Identifier: Apache-2.0
/**
 * One open session of a device: any ioctl, mappings, and what the Linux driver answers by itself (DQBUF, DQEVENT).
 * The typed ioctls are in `typed-ioctls.ts`.
 *
 * States: open --EVT_ERROR--> failed (the driver sends CLOSE by itself: VM-R5); open --close()--> closed.
 * In failed and closed no command is sent for the session any more (VM-R2, VM-RX5).
 */
import type { GuestRange } from '../../ports/buffer-memory.ts';
import type { DriverTransport, GuestBlock } from '../../virtio-device/driver-transport.ts';
import { Errno } from '../../wire/errno.gen.ts';
import {
  VIRTIO_MEDIA_CMD_CLOSE,
  VIRTIO_MEDIA_CMD_IOCTL,
  VIRTIO_MEDIA_CMD_MMAP,
  VIRTIO_MEDIA_CMD_MUNMAP,
  VIRTIO_MEDIA_EVT_DQBUF,
  VIRTIO_MEDIA_EVT_ERROR,
  VIRTIO_MEDIA_EVT_EVENT,
  VIRTIO_MEDIA_MAX_PLANES,
  VIRTIO_MEDIA_MMAP_FLAG_RW,
  virtio_media_cmd_close,
  virtio_media_cmd_header,
  virtio_media_cmd_ioctl,
  virtio_media_cmd_mmap,
  virtio_media_cmd_munmap,
  virtio_media_event_dqbuf,
  virtio_media_event_error,
  virtio_media_event_event,
  virtio_media_event_header,
  virtio_media_resp_header,
  virtio_media_resp_mmap,
  virtio_media_sg_entry,
} from '../../wire/media/virtio-media.ts';
import {
  VIDIOC_CREATE_BUFS,
  VIDIOC_DECODER_CMD,
  VIDIOC_ENCODER_CMD,
  VIDIOC_QBUF,
  VIDIOC_REQBUFS,
  VIDIOC_STREAMOFF,
  VIDIOC_STREAMON,
} from '../../wire/v4l2/ioctls.gen.ts';
import {
  v4l2_buffer,
  v4l2_create_buffers,
  v4l2_decoder_cmd,
  v4l2_encoder_cmd,
  v4l2_format,
  v4l2_requestbuffers,
} from '../../wire/v4l2/videodev2.ts';
import { V4L2_DEC_CMD_START, V4L2_ENC_CMD_START } from '../../wire/v4l2/videodev2-constants.gen.ts';
import type { CommandChannel, CommandReply } from '../rings/command-channel.ts';
import { DriverError, IoctlError } from '../rings/errors.ts';
import { WaitList } from '../rings/wait-list.ts';
import { type BufferState, decodeBuffer } from './buffers.ts';
import { decodeEvent, type MediaEvent } from './events.ts';
import { bytesOf, type IoctlArrays, type IoctlResult, ioctlInfo, ioctlName } from './ioctl-call.ts';
import { StreamQueue } from './stream-queue.ts';
import { TypedIoctls } from './typed-ioctls.ts';

const header = virtio_media_cmd_header.fields;
const ioctlCommand = virtio_media_cmd_ioctl.fields;
const response = virtio_media_resp_header;
const RESPONSE_BYTES = response.size;
const COMMAND_BYTES = virtio_media_cmd_ioctl.size;
const NOTHING = new Uint8Array(0);

/** A buffer (plane) in this side's memory. */
export interface MappedPlane {
  readonly driverAddr: number;
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** What a session needs of its driver. */
export interface DriverSessionHost {
  readonly transport: DriverTransport;
  readonly commands: CommandChannel;
  /** the session is over: no event of its id is its own any more */
  forget(id: number): void;
}

/** See the top of the file. */
export class DriverSession extends TypedIoctls {
  readonly id: number;
  readonly #host: DriverSessionHost;
  readonly #queues = new Map<number, StreamQueue>();
  readonly #events = new WaitList<MediaEvent>();
  readonly #errorListeners = new Set<(error: Error) => void>();
  #state: { kind: 'open' } | { kind: 'failed'; error: Error } | { kind: 'closed' } = { kind: 'open' };
  #closing: Promise<void> | undefined;
  /** called after each V4L2 event, in the order in which events and finished buffers come */
  onEvent: (() => void) | undefined;

  constructor(host: DriverSessionHost, id: number) {
    super();
    this.#host = host;
    this.id = id;
  }

  /** open, failed (EVT_ERROR, or the way to the device is gone) or closed */
  get state(): 'open' | 'failed' | 'closed' {
    return this.#state.kind;
  }

  /** the way to the device */
  get transport(): DriverTransport {
    return this.#host.transport;
  }

  /** What the driver keeps of a queue: buffers with the device, finished ones. */
  queue(type: number): StreamQueue {
    let queue = this.#queues.get(type);
    if (queue === undefined) {
      queue = new StreamQueue();
      this.#queues.set(type, queue);
    }
    return queue;
  }

  /**
   * Any ioctl. `payload` and the arrays are sent as its direction asks, and updated in place if the device sent them
   * back. Resolves to an errno, never rejects with one; rejects with `IoctlError` only if the session is over (EBADF, EIO)
   * or the device does not answer in time (ETIMEDOUT), and with `DriverError` if the device broke the protocol.
   */
  override ioctl(nr: number, payload: Uint8Array | DataView = NOTHING, arrays: IoctlArrays = {}): Promise<IoctlResult> {
    const over = this.#over(ioctlName(nr));
    if (over !== undefined) return Promise.reject(over);
    const dir = ioctlInfo(nr)?.dir ?? 'WR';
    const main = bytesOf(payload);
    const planes = bytesOf(arrays.planes);
    const controls = bytesOf(arrays.controls);
    const size = main.length + planes.length + controls.length;
    const lists = dir === 'R' || dir === 'none' ? undefined : arrays.lists;
    let entries = 0;
    for (const list of lists ?? []) entries += list.length;
    const sends = dir === 'W' || dir === 'WR';
    const receives = dir === 'R' || dir === 'WR';
    const readable = COMMAND_BYTES + (sends ? size : 0) + entries * virtio_media_sg_entry.size;
    const writable = RESPONSE_BYTES + (receives ? size : 0);
    this.#before(nr, main);
    return this.#host.commands.send(
      ioctlName(nr),
      readable,
      writable,
      (bytes, view) => {
        header.cmd.set(view, 0, VIRTIO_MEDIA_CMD_IOCTL);
        header._reserved.set(view, 0, NOTHING);
        ioctlCommand.session_id.set(view, 0, this.id);
        ioctlCommand.code.set(view, 0, nr);
        if (!sends) return;
        bytes.set(main, COMMAND_BYTES);
        bytes.set(planes, COMMAND_BYTES + main.length);
        bytes.set(controls, COMMAND_BYTES + main.length + planes.length);
        if (lists !== undefined) writeLists(view, COMMAND_BYTES + size, lists);
      },
      (reply) => {
        const errno = statusOf(reply, ioctlName(nr));
        if (errno === 0 && reply.used < writable) {
          throw new DriverError(`${ioctlName(nr)} succeeded with ${reply.used} bytes, not ${writable} (VM-D2)`);
        }
        const updated = receives && reply.used >= writable;
        if (updated) {
          main.set(reply.bytes.subarray(RESPONSE_BYTES, RESPONSE_BYTES + main.length));
          planes.set(reply.bytes.subarray(RESPONSE_BYTES + main.length, RESPONSE_BYTES + main.length + planes.length));
          controls.set(reply.bytes.subarray(RESPONSE_BYTES + main.length + planes.length, RESPONSE_BYTES + size));
        }
        this.#after(nr, main, errno);
        return { errno, updated };
      },
    );
  }

  protected override allocate(size: number, align: number): GuestBlock {
    return this.#host.transport.allocate(size, align);
  }

  /** Maps the plane whose `mem_offset` is `offset`. Rejects with `IoctlError`; `DriverError` if nothing can be seen there. */
  mmap(offset: number, access: 'read' | 'read-write' = 'read-write'): Promise<MappedPlane> {
    const over = this.#over('MMAP');
    if (over !== undefined) return Promise.reject(over);
    const command = virtio_media_cmd_mmap.fields;
    const answer = virtio_media_resp_mmap.fields;
    return this.#host.commands.send(
      'MMAP',
      virtio_media_cmd_mmap.size,
      virtio_media_resp_mmap.size,
      (_bytes, view) => {
        header.cmd.set(view, 0, VIRTIO_MEDIA_CMD_MMAP);
        header._reserved.set(view, 0, NOTHING);
        command.session_id.set(view, 0, this.id);
        command.flags.set(view, 0, access === 'read-write' ? VIRTIO_MEDIA_MMAP_FLAG_RW : 0);
        command.offset.set(view, 0, offset);
      },
      (reply) => {
        const errno = statusOf(reply, 'MMAP');
        if (errno !== 0) throw new IoctlError('MMAP', errno);
        if (reply.used < virtio_media_resp_mmap.size)
          throw new DriverError(`MMAP succeeded with ${reply.used} bytes, not 24 (VM-DX2)`);
        const driverAddr = answer.driver_addr.get(reply.view, 0);
        const length = answer.len.get(reply.view, 0);
        const bytes = this.#host.transport.shared(driverAddr, length);
        if (bytes === undefined) {
          throw new DriverError(`MMAP answered ${length} bytes at ${driverAddr} of region 0, but nothing is mapped there`);
        }
        return { driverAddr, length, bytes };
      },
    );
  }

  /** Releases a mapping (VM-RX4); works after `close`, since mappings outlive sessions (VM-D6). */
  munmap(mapping: Pick<MappedPlane, 'driverAddr'>): Promise<void> {
    return this.#host.commands.send(
      'MUNMAP',
      virtio_media_cmd_munmap.size,
      RESPONSE_BYTES,
      (_bytes, view) => {
        header.cmd.set(view, 0, VIRTIO_MEDIA_CMD_MUNMAP);
        header._reserved.set(view, 0, NOTHING);
        virtio_media_cmd_munmap.fields.driver_addr.set(view, 0, mapping.driverAddr);
      },
      (reply) => {
        const errno = statusOf(reply, 'MUNMAP');
        if (errno !== 0) throw new IoctlError('MUNMAP', errno);
      },
    );
  }

  /** DQBUF: the next finished buffer. Rejects with EINVAL, EPIPE (after LAST) or, when the session ends, EIO or EBADF. */
  dqbuf(type: number): Promise<BufferState> {
    const over = this.#over('DQBUF');
    return over === undefined ? this.queue(type).dequeue() : Promise.reject(over);
  }

  /** DQBUF with O_NONBLOCK: undefined instead of EAGAIN; throws as `dqbuf` rejects. */
  tryDqbuf(type: number): BufferState | undefined {
    const over = this.#over('DQBUF');
    if (over !== undefined) throw over;
    return this.queue(type).tryDequeue();
  }

  /** DQEVENT: the next V4L2 event. Rejects when the session ends. */
  nextEvent(): Promise<MediaEvent> {
    const over = this.#over('DQEVENT');
    return over === undefined ? this.#events.wait() : Promise.reject(over);
  }

  /** DQEVENT with O_NONBLOCK. */
  tryNextEvent(): MediaEvent | undefined {
    return this.#events.take();
  }

  /** Tells of EVT_ERROR, and of the loss of the device; at once if it happened already. */
  onError(listener: (error: Error) => void): Disposable {
    if (this.#state.kind === 'failed') listener(this.#state.error);
    this.#errorListeners.add(listener);
    return { [Symbol.dispose]: () => void this.#errorListeners.delete(listener) };
  }

  /** CLOSE. Everybody who waits is told EBADF. Calling it again gives the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#sendClose();
    if (this.#state.kind === 'open') {
      this.#state = { kind: 'closed' };
      this.#tell(new IoctlError('CLOSE', Errno.EBADF, 'the session was closed'));
    }
    return this.#closing;
  }

  /** An event of this session, checked for its length. For the driver. */
  deliver(view: DataView): void {
    if (this.#state.kind !== 'open') return;
    const event = virtio_media_event_header.fields.event.get(view, 0);
    if (event === VIRTIO_MEDIA_EVT_DQBUF) {
      const at = virtio_media_event_dqbuf.fields;
      const buffer = decodeBuffer(view, at.buffer.offset, view, at.planes.offset, VIRTIO_MEDIA_MAX_PLANES);
      this.#queues.get(buffer.type)?.finished(buffer);
    } else if (event === VIRTIO_MEDIA_EVT_EVENT) {
      this.#events.put(decodeEvent(view, virtio_media_event_event.fields.event.offset));
      this.onEvent?.();
    } else if (event === VIRTIO_MEDIA_EVT_ERROR) {
      const errno = virtio_media_event_error.fields.errno.get(view, 0);
      this.fail(new IoctlError('EVT_ERROR', errno, `session ${this.id}`));
      this.#closing ??= this.#sendClose();
      this.#closing.catch(() => {});
    }
  }

  /** The session is over, for a reason that is not `close`. For the driver. */
  fail(error: Error): void {
    if (this.#state.kind !== 'open') return;
    this.#state = { kind: 'failed', error };
    this.#tell(error);
    for (const listener of [...this.#errorListeners]) listener(error);
  }

  #sendClose(): Promise<void> {
    this.#host.forget(this.id);
    return this.#host.commands.send(
      'CLOSE',
      virtio_media_cmd_close.size,
      0,
      (bytes, view) => {
        bytes.fill(0);
        header.cmd.set(view, 0, VIRTIO_MEDIA_CMD_CLOSE);
        virtio_media_cmd_close.fields.session_id.set(view, 0, this.id);
      },
      () => {},
    );
  }

  #tell(error: Error): void {
    for (const queue of this.#queues.values()) queue.fail(error);
    this.#events.fail(error);
  }

  #over(request: string): IoctlError | undefined {
    if (this.#state.kind === 'open') return undefined;
    if (this.#state.kind === 'closed') return new IoctlError(request, Errno.EBADF, 'the session is closed');
    return new IoctlError(request, Errno.EIO, this.#state.error.message);
  }

  /** What the driver has to know before the device can answer: an event may come first. */
  #before(nr: number, payload: Uint8Array): void {
    if (nr === VIDIOC_QBUF && payload.length >= v4l2_buffer.size)
      this.queue(u32At(payload, v4l2_buffer.fields.type.offset)).adjust(1);
  }

  /** What an ioctl means for the driver's own books. All events sent before its answer were handled. */
  #after(nr: number, payload: Uint8Array, errno: number): void {
    if (nr === VIDIOC_QBUF) {
      if (errno !== 0 && payload.length >= v4l2_buffer.size)
        this.queue(u32At(payload, v4l2_buffer.fields.type.offset)).adjust(-1);
      return;
    }
    if (errno !== 0) return;
    if (nr === VIDIOC_STREAMON) this.queue(u32At(payload, 0)).streamOn();
    else if (nr === VIDIOC_STREAMOFF) this.queue(u32At(payload, 0)).streamOff();
    else if (nr === VIDIOC_REQBUFS) {
      const fields = v4l2_requestbuffers.fields;
      const queue = this.queue(u32At(payload, fields.type.offset));
      queue.allocated(0);
      queue.allocated(u32At(payload, fields.count.offset));
    } else if (nr === VIDIOC_CREATE_BUFS) {
      const fields = v4l2_create_buffers.fields;
      const queue = this.queue(u32At(payload, fields.format.offset + v4l2_format.fields.type.offset));
      const end = u32At(payload, fields.index.offset) + u32At(payload, fields.count.offset);
      queue.allocated(Math.max(queue.count, end));
    } else if (isCodecStart(nr, payload)) {
      for (const queue of this.#queues.values()) queue.restart();
    }
  }
}

/** Whether an ioctl told a codec to go on after a drain or a change. */
function isCodecStart(nr: number, payload: Uint8Array): boolean {
  if (nr === VIDIOC_DECODER_CMD) return u32At(payload, v4l2_decoder_cmd.fields.cmd.offset) === V4L2_DEC_CMD_START;
  return nr === VIDIOC_ENCODER_CMD && u32At(payload, v4l2_encoder_cmd.fields.cmd.offset) === V4L2_ENC_CMD_START;
}

function writeLists(view: DataView, base: number, lists: readonly (readonly GuestRange[])[]): void {
  const entry = virtio_media_sg_entry.fields;
  let at = base;
  for (const list of lists) {
    for (const range of list) {
      entry.start.set(view, at, range.address);
      entry.len.set(view, at, range.length);
      entry._reserved.set(view, at, NOTHING);
      at += virtio_media_sg_entry.size;
    }
  }
}

function statusOf(reply: CommandReply, request: string): number {
  if (reply.used < RESPONSE_BYTES) throw new DriverError(`${request} was answered with ${reply.used} bytes, fewer than a header`);
  return response.fields.status.get(reply.view, 0);
}

function u32At(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
}
