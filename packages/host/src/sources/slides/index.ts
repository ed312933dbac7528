// SPDX-License-Identifier: Apache-2.0
export { openSlides, type SlidesOptions } from './slide-capture.ts';
