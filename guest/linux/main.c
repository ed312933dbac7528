// SPDX-License-Identifier: GPL-2.0-or-later
/* Virtio media driver: the device's life, from probe to removal. */
#include <linux/bitops.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>

#include "compat.h"
#include "virtio_media.h"

/* An id for test machines whose VMM does not know device 48; 0: none. */
#ifndef VMEDIA_TEST_ID
#define VMEDIA_TEST_ID	0
#endif

/*
 * What a device may be here; the rest of its capabilities needs ioctls that
 * this driver does not relay.
 */
#define VMEDIA_CAPS_MPLANE	(V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_VIDEO_OUTPUT_MPLANE | \
				 V4L2_CAP_VIDEO_M2M_MPLANE)
#define VMEDIA_CAPS_SINGLE	(V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_OUTPUT | \
				 V4L2_CAP_VIDEO_M2M)
#define VMEDIA_CAPS_META	(V4L2_CAP_META_CAPTURE | V4L2_CAP_META_OUTPUT)
#define VMEDIA_CAPS_KIND	(VMEDIA_CAPS_MPLANE | VMEDIA_CAPS_SINGLE | VMEDIA_CAPS_META)
/* What it may have beside that. */
#define VMEDIA_CAPS_MORE	(V4L2_CAP_STREAMING | V4L2_CAP_EXT_PIX_FORMAT | V4L2_CAP_TUNER | \
				 V4L2_CAP_AUDIO | V4L2_CAP_HW_FREQ_SEEK)

static void vmedia_device_free(struct vmedia_device *dev)
{
	v4l2_device_unregister(&dev->v4l2_dev);
	put_device(dev->dma_dev);
	put_device(&dev->vdev->dev);
	kfree(dev->events);
	kfree(dev);
}

static void vmedia_video_release(struct video_device *video)
{
	struct vmedia_device *dev = container_of(video, struct vmedia_device, video);

	/* The last open file is closed: nothing refers to the device any more. */
	vmedia_device_free(dev);
}

static int vmedia_read_config(struct vmedia_device *dev)
{
	u32 type;

	virtio_cread_le(dev->vdev, struct virtio_media_config, device_caps, &dev->caps);
	virtio_cread_le(dev->vdev, struct virtio_media_config, device_type, &type);
	virtio_cread_bytes(dev->vdev, offsetof(struct virtio_media_config, card), dev->video.name,
			   min(sizeof(dev->video.name) - 1,
			       sizeof_field(struct virtio_media_config, card)));
	if (type != VFL_TYPE_VIDEO) {
		dev_err(&dev->vdev->dev, "device type %u is not a video device\n", type);
		return -ENODEV;
	}
	if (!(dev->caps & V4L2_CAP_STREAMING)) {
		dev_err(&dev->vdev->dev, "the device does not stream (capabilities %#x)\n",
			dev->caps);
		return -ENODEV;
	}
	/*
	 * One kind only: each decides which queues there are, and whether their
	 * buffers have planes.
	 */
	if (hweight32(dev->caps & VMEDIA_CAPS_KIND) != 1) {
		dev_err(&dev->vdev->dev, "the device is no capture, output or memory-to-memory device (capabilities %#x)\n",
			dev->caps);
		return -ENODEV;
	}
	dev->caps &= VMEDIA_CAPS_KIND | VMEDIA_CAPS_MORE;
	dev->m2m = dev->caps & (V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE);
	dev->multiplanar = dev->caps & VMEDIA_CAPS_MPLANE;
	dev->meta = dev->caps & VMEDIA_CAPS_META;
	return 0;
}

/*
 * Ioctls that this device does not have must not be there at all: the V4L2 core would otherwise
 * answer some of their mistakes itself. The device is asked with harmless questions; ENOTTY stands
 * for the whole group.
 */
static int vmedia_disable_ioctls(struct vmedia_device *dev)
{
	static const struct {
		unsigned int ask;
		size_t in, out;
		unsigned int group[3];
	} questions[] = {
		{ VIDIOC_G_PARM, 204, 204, { VIDIOC_G_PARM, VIDIOC_S_PARM } },
		{ VIDIOC_ENUMINPUT, 80, 80, { VIDIOC_ENUMINPUT, VIDIOC_G_INPUT, VIDIOC_S_INPUT } },
		{ VIDIOC_ENUMOUTPUT, 72, 72,
		  { VIDIOC_ENUMOUTPUT, VIDIOC_G_OUTPUT, VIDIOC_S_OUTPUT } },
		{ VIDIOC_G_SELECTION, 64, 64, { VIDIOC_G_SELECTION, VIDIOC_S_SELECTION } },
		{ VIDIOC_G_SELECTION, 64, 64, { VIDIOC_G_CROP, VIDIOC_S_CROP, VIDIOC_CROPCAP } },
		{ VIDIOC_G_STD, 0, 8, { VIDIOC_G_STD, VIDIOC_S_STD, VIDIOC_ENUMSTD } },
		{ VIDIOC_QUERYSTD, 0, 8, { VIDIOC_QUERYSTD } },
		{ VIDIOC_G_DV_TIMINGS, 132, 132, { VIDIOC_G_DV_TIMINGS, VIDIOC_S_DV_TIMINGS } },
		{ VIDIOC_QUERY_DV_TIMINGS, 0, 132, { VIDIOC_QUERY_DV_TIMINGS } },
		{ VIDIOC_ENUM_DV_TIMINGS, 148, 148, { VIDIOC_ENUM_DV_TIMINGS } },
		{ VIDIOC_DV_TIMINGS_CAP, 144, 144, { VIDIOC_DV_TIMINGS_CAP } },
		{ VIDIOC_G_TUNER, 84, 84, { VIDIOC_G_TUNER, VIDIOC_S_TUNER } },
		{ VIDIOC_G_FREQUENCY, 44, 44, { VIDIOC_G_FREQUENCY, VIDIOC_S_FREQUENCY } },
		{ VIDIOC_ENUM_FREQ_BANDS, 64, 64, { VIDIOC_ENUM_FREQ_BANDS } },
		{ VIDIOC_ENUMAUDIO, 52, 52, { VIDIOC_ENUMAUDIO } },
		{ VIDIOC_G_AUDIO, 0, 52, { VIDIOC_G_AUDIO, VIDIOC_S_AUDIO } },
		{ VIDIOC_ENUMAUDOUT, 52, 52, { VIDIOC_ENUMAUDOUT } },
		{ VIDIOC_G_AUDOUT, 0, 52, { VIDIOC_G_AUDOUT, VIDIOC_S_AUDOUT } },
		/* of a type that there is not, so that nothing is sought */
		{ VIDIOC_S_HW_FREQ_SEEK, 48, 0, { VIDIOC_S_HW_FREQ_SEEK } },
		{ VIDIOC_ENUM_FRAMESIZES, 44, 44, { VIDIOC_ENUM_FRAMESIZES } },
		{ VIDIOC_ENUM_FRAMEINTERVALS, 52, 52, { VIDIOC_ENUM_FRAMEINTERVALS } },
		{ VIDIOC_TRY_DECODER_CMD, 72, 72, { VIDIOC_TRY_DECODER_CMD, VIDIOC_DECODER_CMD } },
		{ VIDIOC_TRY_ENCODER_CMD, 40, 40, { VIDIOC_TRY_ENCODER_CMD, VIDIOC_ENCODER_CMD } },
	};
	struct vmedia_session *s = kzalloc(sizeof(*s), GFP_KERNEL);
	unsigned int i, j;
	u8 payload[256];
	int ret;

	if (!s)
		return -ENOMEM;
	s->dev = dev;
	ret = vmedia_session_open(s);
	if (ret)
		goto free;
	for (i = 0; i < ARRAY_SIZE(questions); i++) {
		memset(payload, 0, sizeof(payload));
		if (vmedia_ioctl(s, _IOC_NR(questions[i].ask), payload, questions[i].in,
				 questions[i].out) != -ENOTTY)
			continue;
		for (j = 0; j < ARRAY_SIZE(questions[i].group) && questions[i].group[j]; j++)
			v4l2_disable_ioctl(&dev->video, questions[i].group[j]);
	}
	vmedia_session_close(s);
free:
	kfree(s);
	return ret;
}

static void vmedia_gone_work(struct work_struct *work)
{
	vmedia_sessions_gone(container_of(work, struct vmedia_device, gone_work));
}

static void vmedia_failed_work(struct work_struct *work)
{
	struct vmedia_device *dev = container_of(work, struct vmedia_device, failed_work);

	v4l2_err(&dev->v4l2_dev, "the device needs a reset, it is given up\n");
	vmedia_give_up(dev);
}

/* What a device tells of itself stays as it is; all that can happen is that it breaks. */
static void vmedia_config_changed(struct virtio_device *vdev)
{
	struct vmedia_device *dev = vdev->priv;

	if (vdev->config->get_status(vdev) & VIRTIO_CONFIG_S_NEEDS_RESET)
		schedule_work(&dev->failed_work);
}

/* Queues, with the event buffers in place, and a device that may use them. */
static int vmedia_start(struct vmedia_device *dev)
{
	struct virtqueue *vqs[2];
	int ret = vmedia_find_vqs(dev->vdev, vqs, vmedia_commandq_done, vmedia_eventq_ready);

	if (ret)
		return ret;
	dev->commandq = vqs[0];
	dev->eventq = vqs[1];
	vmedia_eventq_fill(dev);
	virtio_device_ready(dev->vdev);
	spin_lock_irq(&dev->command_lock);
	dev->gone = false;
	dev->reset = false;
	spin_unlock_irq(&dev->command_lock);
	/* The device may have been away for long, or moved: its clock is learnt anew. */
	memset(&dev->clock, 0, sizeof(dev->clock));
	/* The event queue is the work's alone from here on; it tells the device of the buffers. */
	vmedia_eventq_run(dev);
	return 0;
}

/*
 * The opposite; those who wait for an answer or a buffer are let go, and nobody
 * is served any more.
 */
static void vmedia_stop(struct vmedia_device *dev)
{
	vmedia_give_up(dev);
	cancel_work_sync(&dev->failed_work);
	cancel_work_sync(&dev->gone_work);
	cancel_work_sync(&dev->event_work);
	vmedia_sessions_gone(dev);
	/* It may have failed to start again. */
	if (!dev->eventq)
		return;
	vmedia_eventq_drain(dev);
	dev->vdev->config->del_vqs(dev->vdev);
	dev->commandq = NULL;
	dev->eventq = NULL;
}

static int vmedia_probe(struct virtio_device *vdev)
{
	struct vmedia_device *dev;
	int ret = vmedia_reset_init(vdev);

	if (ret)
		return ret;
	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return -ENOMEM;
	/* Open files outlive both. */
	get_device(&vdev->dev);
	dev->vdev = vdev;
	dev->dma_dev = get_device(vdev->dev.parent);
	vdev->priv = dev;
	dev->gone = true;
	dev->reset = true;
	spin_lock_init(&dev->command_lock);
	init_waitqueue_head(&dev->command_room);
	mutex_init(&dev->reset_lock);
	mutex_init(&dev->sessions_lock);
	INIT_LIST_HEAD(&dev->sessions);
	INIT_WORK(&dev->event_work, vmedia_event_work);
	INIT_WORK(&dev->gone_work, vmedia_gone_work);
	INIT_WORK(&dev->failed_work, vmedia_failed_work);

	ret = v4l2_device_register(&vdev->dev, &dev->v4l2_dev);
	if (ret)
		goto free;
	ret = vmedia_read_config(dev);
	if (ret)
		goto free;
	ret = vmedia_eventq_init(dev);
	if (ret)
		goto free;
	ret = vmedia_start(dev);
	if (ret)
		goto free;

	dev->video.v4l2_dev = &dev->v4l2_dev;
	dev->video.fops = &vmedia_fops;
	dev->video.ioctl_ops = &vmedia_ioctl_ops;
	/* Some kernels call it when registering fails, some do not. */
	dev->video.release = video_device_release_empty;
	dev->video.device_caps = dev->caps | (dev->m2m ? 0 : V4L2_CAP_READWRITE);
	if (dev->m2m)
		dev->video.vfl_dir = VFL_DIR_M2M;
	else if (dev->caps & VMEDIA_CAPS_OUTPUT)
		dev->video.vfl_dir = VFL_DIR_TX;
	else
		dev->video.vfl_dir = VFL_DIR_RX;
	video_set_drvdata(&dev->video, dev);
	ret = vmedia_disable_ioctls(dev);
	if (!ret)
		ret = video_register_device(&dev->video, VFL_TYPE_VIDEO, -1);
	if (ret)
		goto stop;
	dev->video.release = vmedia_video_release;
	return 0;

stop:
	vmedia_stop(dev);
free:
	vmedia_device_free(dev);
	return ret;
}

static void vmedia_remove(struct virtio_device *vdev)
{
	struct vmedia_device *dev = vdev->priv;

	vmedia_stop(dev);
	v4l2_device_disconnect(&dev->v4l2_dev);
	video_unregister_device(&dev->video);
}

#ifdef CONFIG_PM_SLEEP
/*
 * A device that was off knows no session: open files are over, as after its
 * removal, new ones are served.
 */
static int vmedia_freeze(struct virtio_device *vdev)
{
	vmedia_stop(vdev->priv);
	return 0;
}

static int vmedia_restore(struct virtio_device *vdev)
{
	return vmedia_start(vdev->priv);
}
#endif

static const struct virtio_device_id vmedia_ids[] = {
	{ VIRTIO_MEDIA_DEVICE_ID, VIRTIO_DEV_ANY_ID },
#if VMEDIA_TEST_ID
	{ VMEDIA_TEST_ID, VIRTIO_DEV_ANY_ID },
#endif
	{ 0 },
};
MODULE_DEVICE_TABLE(virtio, vmedia_ids);

static struct virtio_driver vmedia_driver = {
	.driver.name = KBUILD_MODNAME,
	.id_table = vmedia_ids,
	.probe = vmedia_probe,
	.remove = vmedia_remove,
	.config_changed = vmedia_config_changed,
#ifdef CONFIG_PM_SLEEP
	.freeze = vmedia_freeze,
	.restore = vmedia_restore,
#endif
};
module_virtio_driver(vmedia_driver);

MODULE_DESCRIPTION("Virtio media driver");
MODULE_AUTHOR("The Paravideo authors");
MODULE_LICENSE("GPL");
VMEDIA_IMPORT_DMA_BUF;
