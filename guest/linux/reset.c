// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The end of a device that may be dead already.
 *
 * Of a PCI device whose other end died every register reads as ones. The kernel's reset of such a
 * device waits for a status of 0 that never comes, and so would whoever asked for it: this driver,
 * but also the kernel itself when it shuts down or wakes up. So the device's operations are put
 * behind these for as long as the driver has it: the reset is bounded, and a device that is not
 * there has the status 0.
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/pci.h>
#include <linux/virtio_config.h>
#include <uapi/linux/virtio_pci.h>

#include "virtio_media.h"

/* How long a device that answers may take for its reset. */
#define VMEDIA_RESET_TIMEOUT	(10 * HZ)

/* What a register of nothing reads as; no device has this status, two of its bits are reserved. */
#define VMEDIA_STATUS_NONE	0xff

struct vmedia_ops {
	struct virtio_config_ops ops;
	const struct virtio_config_ops *real;
	struct virtio_device *vdev;
	/* the status register of a PCI device, or NULL */
	void __iomem *status;
};

static struct vmedia_ops *vmedia_ops_of(struct virtio_device *vdev)
{
	return container_of(vdev->config, struct vmedia_ops, ops);
}

static u8 vmedia_get_status(struct virtio_device *vdev)
{
	u8 status = vmedia_ops_of(vdev)->real->get_status(vdev);

	return status == VMEDIA_STATUS_NONE ? 0 : status;
}

/* Resets a PCI device; false if it is dead, or does not come to an end. */
static bool vmedia_reset_bounded(struct vmedia_ops *o)
{
	unsigned long end = jiffies + VMEDIA_RESET_TIMEOUT;
	u8 status;

	iowrite8(0, o->status);
	while ((status = ioread8(o->status))) {
		if (status == VMEDIA_STATUS_NONE || time_after(jiffies, end))
			return false;
		usleep_range(1000, 2000);
	}
	return true;
}

static void vmedia_reset(struct virtio_device *vdev)
{
	struct vmedia_ops *o = vmedia_ops_of(vdev);

	if (o->real->get_status(vdev) == VMEDIA_STATUS_NONE ||
	    (o->status && !vmedia_reset_bounded(o))) {
		dev_err(&vdev->dev, "the device is dead, it cannot be reset\n");
		return;
	}
	/* Done at once by now; what else the kernel has to do for a reset is its own. */
	o->real->reset(vdev);
}

static void __iomem *vmedia_map_status(struct device *parent)
{
	struct pci_dev *pci;
	u32 offset;
	u8 type, bar;
	int at;

	if (!parent || !dev_is_pci(parent))
		return NULL;
	pci = to_pci_dev(parent);
	for (at = pci_find_capability(pci, PCI_CAP_ID_VNDR); at;
	     at = pci_find_next_capability(pci, at, PCI_CAP_ID_VNDR)) {
		pci_read_config_byte(pci, at + offsetof(struct virtio_pci_cap, cfg_type), &type);
		if (type != VIRTIO_PCI_CAP_COMMON_CFG)
			continue;
		pci_read_config_byte(pci, at + offsetof(struct virtio_pci_cap, bar), &bar);
		pci_read_config_dword(pci, at + offsetof(struct virtio_pci_cap, offset), &offset);
		offset += offsetof(struct virtio_pci_common_cfg, device_status);
		return bar < PCI_STD_NUM_BARS ? pci_iomap_range(pci, bar, offset, 1) : NULL;
	}
	return NULL;
}

/* After the driver was removed, and the kernel asked for the status of what it left. */
static void vmedia_ops_restore(void *data)
{
	struct vmedia_ops *o = data;

	o->vdev->config = o->real;
	if (o->status)
		pci_iounmap(to_pci_dev(o->vdev->dev.parent), o->status);
}

int vmedia_reset_init(struct virtio_device *vdev)
{
	struct vmedia_ops *o;

	if (vdev->config->get_status(vdev) == VMEDIA_STATUS_NONE) {
		dev_err(&vdev->dev, "the device is dead\n");
		return -ENODEV;
	}
	o = devm_kzalloc(&vdev->dev, sizeof(*o), GFP_KERNEL);
	if (!o)
		return -ENOMEM;
	o->vdev = vdev;
	o->real = vdev->config;
	o->ops = *vdev->config;
	o->ops.get_status = vmedia_get_status;
	o->ops.reset = vmedia_reset;
	o->status = vmedia_map_status(vdev->dev.parent);
	vdev->config = &o->ops;
	return devm_add_action_or_reset(&vdev->dev, vmedia_ops_restore, o);
}
