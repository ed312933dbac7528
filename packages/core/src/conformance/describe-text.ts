// SPDX-License-Identifier: Apache-2.0
/** A device's description for people, in the order in which `v4l2-ctl --all` has it. */

import type { DriverFormat, FrameInterval, FrameSize } from '../driver/media/formats.ts';
import { type Fraction, fourccName } from '../picture/index.ts';
import { flagNames, valueName } from './constant-names.ts';
import type { DescribedControl, DescribedQueue, DescribedSize, DeviceDescription } from './describe-device.ts';

/** The text: lines of at most about 120 characters, ending with a newline. */
export function describeText(device: DeviceDescription): string {
  const lines = [
    `Card          ${device.card}`,
    `Device type   ${DEVICE_TYPES[device.deviceType] ?? device.deviceType}`,
    `Capabilities  0x${device.deviceCaps.toString(16).padStart(8, '0')} ${flagNames('V4L2_CAP_', device.deviceCaps).join(' ')}`,
    `Shared memory ${device.sharedMemoryBytes === 0 ? 'none: MMAP buffers cannot be mapped' : `${device.sharedMemoryBytes} bytes`}`,
  ];
  for (const input of device.inputs) {
    const mark = input.index === device.currentInput ? ' (current)' : '';
    lines.push(`Input ${input.index}       ${input.name}, ${valueName('V4L2_INPUT_TYPE_', input.type)}${mark}`);
  }
  for (const output of device.outputs) {
    const mark = output.index === device.currentOutput ? ' (current)' : '';
    lines.push(`Output ${output.index}      ${output.name}, ${valueName('V4L2_OUTPUT_TYPE_', output.type)}${mark}`);
  }
  for (const queue of device.queues) lines.push('', ...queueLines(queue));
  if (device.controls.length > 0) lines.push('', 'Controls');
  for (const control of device.controls) lines.push(...controlLines(control));
  return `${lines.join('\n')}\n`;
}

const DEVICE_TYPES: readonly string[] = ['video', 'vbi', 'radio', 'subdev', 'sdr', 'touch'];

function queueLines(queue: DescribedQueue): string[] {
  const lines = [`Queue ${valueName('V4L2_BUF_TYPE_', queue.type)}`];
  if (queue.current !== undefined) lines.push(...formatLines(queue.current));
  if (queue.parameters !== undefined) {
    const { timeperframe, capability } = queue.parameters;
    lines.push(
      `  Interval    ${intervalText(timeperframe)}${capability === 0 ? '' : ` (${flagNames('V4L2_CAP_TIMEPERFRAME', capability).length > 0 ? 'can be set' : capability})`}`,
    );
  }
  for (const { target, rect } of queue.selections) {
    lines.push(`  Selection   ${valueName('V4L2_SEL_TGT_', target)} ${rect.left},${rect.top} ${rect.width}x${rect.height}`);
  }
  if (queue.bufferCapabilities !== undefined) {
    lines.push(`  Buffers     ${flagNames('V4L2_BUF_CAP_', queue.bufferCapabilities).join(' ')}`);
  }
  let above: string | undefined;
  for (const format of queue.formats) {
    const flags = flagNames('V4L2_FMT_FLAG_', format.flags);
    lines.push(`  Format      ${format.name} ${format.description}${flags.length > 0 ? ` [${flags.join(' ')}]` : ''}`);
    const sizes = sizeLines(format.sizes);
    // A camera has a dozen sizes for each of a dozen formats, mostly the same.
    if (sizes.length > 1 && sizes.join() === above) lines.push('              the same sizes');
    else lines.push(...sizes);
    above = sizes.join();
  }
  return lines;
}

/** A line for each size; the rates stand where they are others than those of the size above. */
function sizeLines(sizes: readonly DescribedSize[]): string[] {
  let above = '';
  return sizes.map(({ size, intervals }) => {
    const rates = intervals.map(frameIntervalText).join(', ');
    const same = rates === above;
    above = rates;
    return `              ${sizeText(size)}${rates === '' || same ? '' : `: ${rates}`}`;
  });
}

function formatLines(format: DriverFormat): string[] {
  const colours = [
    valueName('V4L2_COLORSPACE_', format.colorspace),
    valueName('V4L2_XFER_FUNC_', format.xferFunc),
    valueName('V4L2_YCBCR_ENC_', format.ycbcrEnc),
    valueName('V4L2_QUANTIZATION_', format.quantization),
  ];
  return [
    `  Current     ${fourccName(format.pixelformat)} ${format.width}x${format.height}, field ${valueName('V4L2_FIELD_', format.field)}`,
    `  Colours     ${colours.join(', ')}`,
    ...format.planes.map((plane, i) => `  Plane ${i}     ${plane.bytesPerLine} bytes a line, ${plane.sizeImage} bytes`),
  ];
}

function sizeText(size: FrameSize): string {
  if (size.kind === 'discrete') return `${size.width}x${size.height}`;
  return `${size.minWidth}x${size.minHeight} to ${size.maxWidth}x${size.maxHeight} in steps of ${size.stepWidth}x${size.stepHeight}`;
}

function intervalText({ numerator, denominator }: Fraction): string {
  const rate = numerator === 0 ? '?' : Number((denominator / numerator).toFixed(3));
  return `${numerator}/${denominator} s (${rate} fps)`;
}

function frameIntervalText(interval: FrameInterval): string {
  return interval.kind === 'discrete'
    ? intervalText(interval.interval)
    : `${intervalText(interval.min)} to ${intervalText(interval.max)}`;
}

function controlLines(control: DescribedControl): string[] {
  const type = valueName('V4L2_CTRL_TYPE_', control.type).toLowerCase();
  if (type === 'ctrl_class') return [`  ${control.name}`];
  const parts = [`0x${control.id.toString(16).padStart(8, '0')}`, type];
  if (type !== 'button') {
    parts.push(`min ${control.minimum} max ${control.maximum} step ${control.step} default ${control.defaultValue}`);
  }
  if (control.value !== undefined) parts.push(`value ${control.value}`);
  const item = control.menu?.find((entry) => entry.index === control.value);
  if (item !== undefined) parts.push(`"${item.name}"`);
  if (control.dims.length > 0) parts.push(`${control.dims.join('x')} of ${control.elemSize} bytes`);
  const flags = flagNames('V4L2_CTRL_FLAG_', control.flags);
  if (flags.length > 0) parts.push(`[${flags.join(' ')}]`);
  const menu = (control.menu ?? []).map((entry) => `      ${entry.index}: ${entry.name}`);
  return [`    ${control.name}: ${parts.join(', ')}`, ...menu];
}
