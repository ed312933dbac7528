// SPDX-License-Identifier: Apache-2.0

/** A JPEG file as a photograph whose EXIF data says how it lies. */
export function oriented(jpeg: Buffer, orientation: number): Buffer {
  // One entry of a big-endian TIFF: tag 0x112, of type short.
  const exif = Buffer.from('457869660000 4d4d002a00000008 0001 0112 0003 00000001 00000000 00000000'.replaceAll(' ', ''), 'hex');
  exif.writeUInt16BE(orientation, exif.length - 8);
  const head = Buffer.from([0xff, 0xe1, 0, exif.length + 2]);
  return Buffer.concat([jpeg.subarray(0, 2), head, exif, jpeg.subarray(2)]);
}
