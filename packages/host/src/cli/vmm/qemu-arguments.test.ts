// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { chooseTransport, parseDeviceHelp, qemuArguments, shellLine, VmmError } from './index.ts';

const HELP = `Display devices:
name "VGA", bus PCI, desc "vga"
Misc devices:
name "vfio-user-pci", bus PCI, desc "VFIO over socket PCI device assignment"
name "vhost-user-test-device-pci", bus PCI
`;

describe('the arguments for QEMU', () => {
  it('share as much memory as the guest has', () => {
    const size = (...own: string[]) => qemuArguments({ transport: 'vfio-user', sockets: [], own }).join(' ');
    expect(size('-m', '2G')).toContain('size=2G,share=on');
    expect(size('-m', '512')).toContain('size=512M,share=on');
    expect(size('-m', 'size=768M,slots=2')).toContain('size=768M,share=on');
    expect(size()).toContain('-m 1G -object memory-backend-memfd,id=paravideo-ram,size=1G,share=on');
  });

  it('keep memory that has a back-end already', () => {
    expect(qemuArguments({ transport: 'vfio-user', sockets: [], own: ['-M', 'q35,memory-backend=m0'] })).toEqual([]);
  });

  it('name a device for each socket, commas in paths included', () => {
    const own = ['-M', 'q35,memory-backend=m0'];
    const args = qemuArguments({ transport: 'vhost-user', sockets: ['/run/a,b.sock'], own });
    expect(args).toEqual([
      '-chardev',
      'socket,id=paravideo0-socket,path=/run/a,,b.sock',
      '-device',
      'vhost-user-media-pci,id=paravideo0,chardev=paravideo0-socket',
    ]);
    const [, device] = qemuArguments({ transport: 'vfio-user', sockets: ['/run/a,b.sock'], own });
    expect(JSON.parse(device ?? '')).toMatchObject({ driver: 'vfio-user-pci', socket: { type: 'unix', path: '/run/a,b.sock' } });
  });

  it('survive a shell', () => {
    const args = ['-device', '{"driver":"x"}', "it's", 'a b', ''];
    const printed = execFileSync('sh', ['-c', `printf '%s\\n' ${shellLine(args)}`], { encoding: 'utf8' });
    expect(printed).toBe(`${args.join('\n')}\n`);
  });
});

describe('the choice of a transport', () => {
  it('prefers vhost-user where QEMU knows the device type', () => {
    expect(chooseTransport(new Set(['vfio-user-pci', 'vhost-user-media-pci']))).toBe('vhost-user');
    expect(chooseTransport(new Set(['vfio-user-pci', 'vhost-user-media-pci']), 'vfio-user')).toBe('vfio-user');
  });

  it('takes vfio-user where it does not', () => expect(chooseTransport(parseDeviceHelp(HELP))).toBe('vfio-user'));

  it('says what would help where QEMU knows neither', () => {
    expect(() => chooseTransport(new Set(['VGA']))).toThrow(VmmError);
    expect(() => chooseTransport(parseDeviceHelp(HELP), 'vhost-user')).toThrow(/vhost-user-media-pci: .*--transport vfio-user/);
  });
});
