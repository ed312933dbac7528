// SPDX-License-Identifier: Apache-2.0
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SourceError } from '@paravideo/core';
import type { LiveOrigin } from './live-origin.ts';

/** What of a screen is shown. */
export interface ScreenSettings {
  /** the display, as DISPLAY has it: `:0`, `:1.0` */
  readonly screen: string;
  /** pictures a second; 30 */
  readonly fps?: number | undefined;
  /** the size of what is shown; to the screen's end */
  readonly size?: { readonly width: number; readonly height: number } | undefined;
  /** where on the screen that begins; its corner */
  readonly at?: { readonly x: number; readonly y: number } | undefined;
  /** whether the pointer is in the picture; true */
  readonly pointer?: boolean | undefined;
  /** the file with the key of the display; XAUTHORITY, or .Xauthority at home */
  readonly authority?: string | undefined;
}

const DISPLAY = /^:\d{1,5}(\.\d{1,3})?$/;

/** A screen of an X server of this machine. Throws `SourceError` for a display of another. */
export function screenOrigin({ screen, fps = 30, size, at, pointer = true, authority }: ScreenSettings): LiveOrigin {
  if (!DISPLAY.test(screen)) throw new SourceError(`${screen} is no display of this machine: write :0, or what DISPLAY is`);
  const key = authority ?? process.env.XAUTHORITY ?? join(homedir(), '.Xauthority');
  return {
    name: `screen ${screen}`,
    network: false,
    files: [key],
    told: {
      kind: 'screen',
      url: at === undefined ? screen : `${screen}+${at.x},${at.y}`,
      format: 'x11grab',
      options: {
        framerate: String(fps),
        draw_mouse: pointer ? '1' : '0',
        ...(size === undefined ? {} : { video_size: `${size.width}x${size.height}` }),
      },
      environment: { XAUTHORITY: key },
      lead: 0,
      pulled: false,
    },
  };
}
