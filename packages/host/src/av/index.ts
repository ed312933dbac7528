// SPDX-License-Identifier: Apache-2.0
export { AvError } from './av-error.ts';
export { type StreamColours, v4l2Colorimetry, v4l2Level, v4l2Profile } from './colorimetry.ts';
export { CropFinder } from './cropping.ts';
export { DECODED_FORMATS, takesDecoded } from './decoded-formats.ts';
export { AV_INSTALL_COMMAND, type Av, type AvFrame, avInstalled, loadAv } from './node-av.ts';
export { PictureCopier } from './picture-copy.ts';
export { type FieldFrames, MAX_PIXELS, openVideoDecoder, VIDEO_CODECS, type VideoCodec } from './video-codecs.ts';
