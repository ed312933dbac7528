// SPDX-License-Identifier: Apache-2.0
/** Programs that people use a camera with: how each is started, asked for another size and rate, and shows its picture. */

/** What a camera is asked for. */
export interface Mode {
  readonly width: number;
  readonly height: number;
  readonly rate: number;
}

/** One program in the guest. All of it is shell, run in the guest; the camera is /dev/video0. */
export interface Program {
  readonly name: string;
  /** says which version it is, in its first line */
  readonly version: string;
  /** becomes the program, which runs until SIGTERM closes it; the camera is as the program sets it up, or as `mode` says */
  readonly run: (mode?: Mode) => string;
  /** says the path of a picture that it has made; a picture of the screen where it is left out */
  readonly picture?: string;
  /** what a person does to show pictures once it has started */
  readonly begin?: string;
  /** true where the program does not close any more when its camera was away */
  readonly hangs?: true;
  /** false where the program has no way to ask for a rate */
  readonly rates?: false;
}

/** Where programs that write files keep them; the one before the newest is whole. */
const NOW = '/tmp/now';
const BEFORE_LAST = `ls -t ${NOW}* 2> /dev/null | sed -n 2p`;
const LAST = `ls ${NOW}.png`;

const size = (mode: Mode | undefined, text: (mode: Mode) => string): string => (mode === undefined ? '' : text(mode));
const arguments_ = ({ width, height, rate }: Mode): string => `${width} ${height} ${rate}`;
const caps =
  (format = '') =>
  (mode?: Mode) => {
    const wanted = size(mode, ({ width, height, rate }) => `,width=${width},height=${height},framerate=${rate}/1`);
    return wanted === '' && format === '' ? '' : `! video/x-raw${format}${wanted} `;
  };
const v4l2Options = (mode?: Mode): string =>
  size(mode, ({ width, height, rate }) => `-video_size ${width}x${height} -framerate ${rate}`);
const toFiles = `! identity drop-probability=0.8 ! videoconvert ! pngenc ! multifilesink location=${NOW}%05d.png max-files=5`;

/** They need no screen, and are in the tree that all test guests have. */
export const PLAIN_PROGRAMS: readonly Program[] = [
  {
    name: 'ffmpeg',
    version: 'ffmpeg -version',
    run: (mode) =>
      `exec ffmpeg -nostdin -v error -f v4l2 ${v4l2Options(mode)} -i /dev/video0 -vf fps=5 -update 1 -atomic_writing 1 -y ${NOW}.png`,
    picture: LAST,
  },
  {
    name: 'GStreamer, v4l2src',
    version: 'gst-launch-1.0 --version',
    run: (mode) => `exec gst-launch-1.0 -q v4l2src ${caps()(mode)}${toFiles}`,
    picture: BEFORE_LAST,
  },
];

/** Without these, Debian's Firefox ends at once in a kernel without its sandbox's namespaces. */
const UNCONFINED = ['CONTENT', 'RDD', 'SOCKET_PROCESS', 'UTILITY', 'GPU', 'GMP'].map((name) => `MOZ_DISABLE_${name}_SANDBOX=1`);
const page = (mode?: Mode): string =>
  `file:///mnt/inside/page.html${size(mode, ({ width, height, rate }) => `#${width}x${height}@${rate}`)}`;

/** The rest. */
export const PROGRAMS: readonly Program[] = [
  ...PLAIN_PROGRAMS,
  {
    name: 'v4l2-ctl',
    version: 'v4l2-ctl --version',
    run: (mode) => {
      const wanted = size(mode, ({ width, height, rate }) => `-v width=${width},height=${height} -p ${rate}`);
      const shape = "v4l2-ctl -d /dev/video0 --get-fmt-video | sed -n 's|.*Width/Height *: \\(.*\\)/\\(.*\\)|\\1x\\2|p'";
      return (
        `v4l2-ctl -d /dev/video0 -v pixelformat=YUYV ${wanted} > /dev/null; ` +
        'exec v4l2-ctl -d /dev/video0 --stream-mmap --stream-to=- 2> /dev/null > >(ffmpeg -nostdin -v error ' +
        `-f rawvideo -pix_fmt yuyv422 -video_size $(${shape}) -i - -vf fps=5 -update 1 -atomic_writing 1 -y ${NOW}.png)`
      );
    },
    picture: LAST,
  },
  {
    name: 'Chromium',
    version: 'chromium --version',
    run: (mode) =>
      'exec chromium --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --use-fake-ui-for-media-stream ' +
      `--user-data-dir=/tmp/chromium --enable-logging=stderr --kiosk --window-size=1280,800 '${page(mode)}'`,
  },
  {
    name: 'Firefox',
    version: 'firefox-esr --version',
    run: (mode) =>
      `mkdir -p /tmp/firefox; cp /mnt/inside/firefox.js /tmp/firefox/user.js; export ${UNCONFINED.join(' ')}; ` +
      `exec firefox-esr --no-remote --profile /tmp/firefox --kiosk '${page(mode)}'`,
    // it films as fast as the camera can, and leaves frames out itself
    rates: false,
  },
  {
    name: 'OpenCV, VideoCapture',
    version: "python3 -c 'import cv2; print(cv2.__version__)'",
    run: (mode) => `exec python3 /mnt/inside/opencv.py ${NOW}.png ${size(mode, arguments_)}`,
    picture: LAST,
  },
  {
    name: 'PipeWire and WirePlumber, pipewiresrc',
    version: 'pipewire --version | tail -n 1',
    run: (mode) =>
      'pgrep -x pipewire || { setsid pipewire & sleep 1; setsid wireplumber & }; ' +
      'until wpctl status | grep -q "Paravideo Camera (V4L2)"; do sleep 0.2; done; ' +
      `exec gst-launch-1.0 -q pipewiresrc ${caps(',format=YUY2')(mode)}${toFiles}`,
    picture: BEFORE_LAST,
  },
  {
    name: 'mpv',
    version: 'mpv --version',
    run: (mode) => {
      const wanted = size(mode, ({ width, height, rate }) => `--demuxer-lavf-o=video_size=${width}x${height},framerate=${rate}`);
      return `exec mpv --vo=x11 --profile=low-latency --untimed ${wanted} av://v4l2:/dev/video0`;
    },
  },
  {
    name: 'ffplay (SDL 2)',
    version: 'ffplay -version',
    run: (mode) => `exec ffplay -v error -f v4l2 ${v4l2Options(mode)} -i /dev/video0`,
  },
  {
    name: 'SDL 3, camera API',
    version: `python3 -c 'import ctypes; v = ctypes.CDLL("libSDL3.so.0").SDL_GetVersion(); print(f"SDL {v // 1000000}.{v // 1000 % 1000}.{v % 1000}")'`,
    run: (mode) => `exec python3 /mnt/inside/sdl.py ${NOW}.bmp ${size(mode, arguments_)}`,
    picture: `ls ${NOW}.bmp`,
  },
  {
    name: 'guvcview',
    version: 'guvcview --version',
    run: (mode) => {
      const wanted = size(mode, ({ width, height, rate }) => `-x ${width}x${height} -F ${rate}`);
      return `exec guvcview -d /dev/video0 -a none ${wanted}`;
    },
    hangs: true,
  },
  {
    name: 'Cheese',
    version: 'cheese --version',
    run: (mode) => {
      const wanted = size(
        mode,
        ({ width, height }) => `[org/gnome/cheese]\\nphoto-x-resolution=${width}\\nphoto-y-resolution=${height}\\n`,
      );
      const settings = '/root/.config/glib-2.0/settings';
      return `mkdir -p ${settings}; printf '${wanted}' > ${settings}/keyfile; export GSETTINGS_BACKEND=keyfile; exec cheese`;
    },
    rates: false,
  },
  {
    name: 'qv4l2',
    // It says so in a window alone.
    version: "grep -aoE '\\b1\\.[0-9]{2}\\.[0-9]+\\b' /usr/bin/qv4l2",
    run: (mode) => {
      const wanted = size(mode, ({ width, height, rate }) => `-v width=${width},height=${height} -p ${rate}`);
      return `v4l2-ctl -d /dev/video0 -v pixelformat=YUYV ${wanted} > /dev/null; exec qv4l2 -d /dev/video0`;
    },
    begin: 'until xdotool search --name "V4L2 Test Bench" windowfocus; do sleep 0.2; done; sleep 1; xdotool key ctrl+v',
  },
  {
    name: 'OBS Studio',
    version: 'obs --version',
    run: (mode) => {
      // Its settings keep two numbers in one: width and height, and a fraction of a second.
      const wanted = size(
        mode,
        ({ width, height, rate }) => `,"resolution":${width * 2 ** 16 + height},"framerate":${2 ** 16 + rate}`,
      );
      return `mkdir -p /root/.config; cp -r /mnt/inside/obs /root/.config/obs-studio; sed -i 's|"device_id": "/dev/video0"|&${wanted}|' /root/.config/obs-studio/basic/scenes/Untitled.json; exec obs --multi --disable-updater --disable-missing-files-check`;
    },
  },
  {
    name: 'ustreamer',
    version: 'ustreamer --version',
    run: (mode) => {
      const wanted = size(mode, ({ width, height, rate }) => `--resolution=${width}x${height} --desired-fps=${rate}`);
      return `exec ustreamer --device=/dev/video0 ${wanted} --unix=/tmp/ustreamer --unix-rm`;
    },
    picture: `curl -sf --unix-socket /tmp/ustreamer http://localhost/snapshot -o ${NOW}.jpg && ls ${NOW}.jpg`,
  },
  {
    name: 'motion',
    version: 'motion -h | head -n 1',
    run: (mode) => {
      const wanted = size(mode, ({ width, height, rate }) => `width ${width}\\nheight ${height}\\nframerate ${rate}\\n`);
      const settings =
        'daemon off\\nvideo_device /dev/video0\\ntarget_dir /tmp\\npicture_filename now%%v-%%q\\npicture_output on\\nemulate_motion on\\n' +
        'movie_output off\\nwebcontrol_port 0\\nstream_port 0\\n';
      return `rm -f ${NOW}*; printf '${settings}${wanted}' > /tmp/motion.conf; exec motion -n -c /tmp/motion.conf`;
    },
    picture: BEFORE_LAST,
  },
  {
    name: 'fswebcam',
    // Its status says that it has taken no picture.
    version: 'fswebcam --version 2>&1 || true',
    run: (mode) => {
      const wanted = size(mode, ({ width, height, rate }) => `-r ${width}x${height} --fps ${rate}`);
      return `exec fswebcam -d /dev/video0 ${wanted} --no-banner --loop 1 --png 1 '${NOW}%s.png'`;
    },
    picture: BEFORE_LAST,
  },
];
