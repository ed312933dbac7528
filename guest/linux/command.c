// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands: one chain on the command queue each, several in flight.
 *
 * A command is reference counted. One reference is the caller's, one belongs to the ring while the
 * device has the chain, so an answer that comes after the caller gave up finds memory that is still
 * there.
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include "virtio_media.h"

/* How long a device may take. A device that takes longer is given up. */
#define VMEDIA_TIMEOUT	(10 * HZ)

struct vmedia_command {
	struct kref ref;
	struct completion done;
	int result;
	size_t request_len;
	size_t response_len;
	void *request;
	void *response;
	struct sg_table sg;
	struct vmedia_memory *memory;
};

struct vmedia_memory *vmedia_memory_alloc(struct vmedia_device *dev, size_t size)
{
	struct vmedia_memory *memory = kzalloc(struct_size(memory, data, size), GFP_KERNEL);
	dma_addr_t address;

	if (!memory)
		return NULL;
	kref_init(&memory->ref);
	memory->dev = dev;
	memory->size = size;
	if (virtio_has_dma_quirk(dev->vdev)) {
		memory->address = virt_to_phys(memory->data);
		return memory;
	}
	address = dma_map_single(dev->dma_dev, memory->data, size, DMA_BIDIRECTIONAL);
	if (dma_mapping_error(dev->dma_dev, address)) {
		kfree(memory);
		return NULL;
	}
	memory->address = address;
	memory->mapped = true;
	return memory;
}

void vmedia_memory_for_device(struct vmedia_memory *memory)
{
	if (memory->mapped)
		dma_sync_single_for_device(memory->dev->dma_dev, memory->address, memory->size,
					   DMA_BIDIRECTIONAL);
}

void vmedia_memory_for_cpu(struct vmedia_memory *memory)
{
	if (memory->mapped)
		dma_sync_single_for_cpu(memory->dev->dma_dev, memory->address, memory->size,
					DMA_BIDIRECTIONAL);
}

static void vmedia_memory_free(struct kref *ref)
{
	struct vmedia_memory *memory = container_of(ref, struct vmedia_memory, ref);

	if (memory->mapped)
		dma_unmap_single(memory->dev->dma_dev, memory->address, memory->size,
				 DMA_BIDIRECTIONAL);
	kfree(memory);
}

void vmedia_memory_put(struct vmedia_memory *memory)
{
	if (memory)
		kref_put(&memory->ref, vmedia_memory_free);
}

static void vmedia_command_free(struct kref *ref)
{
	struct vmedia_command *cmd = container_of(ref, struct vmedia_command, ref);

	vmedia_memory_put(cmd->memory);
	sg_free_table(&cmd->sg);
	kvfree(cmd->request);
	kfree(cmd->response);
	kfree(cmd);
}

void vmedia_command_put(struct vmedia_command *cmd)
{
	kref_put(&cmd->ref, vmedia_command_free);
}

/*
 * Long scatter lists make requests that kmalloc() does not give in one piece:
 * those are described page by page.
 */
static int vmedia_command_map_request(struct vmedia_command *cmd)
{
	unsigned int pages, i;
	struct scatterlist *sg;
	size_t left = cmd->request_len;
	void *at = cmd->request;

	if (!is_vmalloc_addr(at)) {
		if (sg_alloc_table(&cmd->sg, 1, GFP_KERNEL))
			return -ENOMEM;
		sg_set_buf(cmd->sg.sgl, at, left);
		return 0;
	}
	pages = DIV_ROUND_UP(left, PAGE_SIZE);
	if (sg_alloc_table(&cmd->sg, pages, GFP_KERNEL))
		return -ENOMEM;
	for_each_sg(cmd->sg.sgl, sg, pages, i) {
		size_t part = min_t(size_t, left, PAGE_SIZE);

		sg_set_page(sg, vmalloc_to_page(at), part, 0);
		at += part;
		left -= part;
	}
	return 0;
}

struct vmedia_command *vmedia_command_alloc(size_t request, size_t response)
{
	struct vmedia_command *cmd = kzalloc(sizeof(*cmd), GFP_KERNEL);

	if (!cmd)
		return NULL;
	kref_init(&cmd->ref);
	init_completion(&cmd->done);
	cmd->request_len = request;
	cmd->response_len = response;
	cmd->request = kvzalloc(request, GFP_KERNEL);
	if (response)
		cmd->response = kzalloc(response, GFP_KERNEL);
	if (!cmd->request || (response && !cmd->response) || vmedia_command_map_request(cmd)) {
		vmedia_command_put(cmd);
		return NULL;
	}
	return cmd;
}

void *vmedia_command_request(struct vmedia_command *cmd)
{
	return cmd->request;
}

const void *vmedia_command_response(struct vmedia_command *cmd)
{
	return cmd->response;
}

void vmedia_command_attach(struct vmedia_command *cmd, struct vmedia_memory *memory)
{
	if (memory)
		kref_get(&memory->ref);
	cmd->memory = memory;
}

/* Puts the chain on the ring. -ENOSPC: no room now. */
static int vmedia_command_submit(struct vmedia_device *dev, struct vmedia_command *cmd)
{
	struct scatterlist answer, *sgs[2] = { cmd->sg.sgl, &answer };
	unsigned long flags;
	int ret;

	if (cmd->response_len)
		sg_init_one(&answer, cmd->response, cmd->response_len);
	spin_lock_irqsave(&dev->command_lock, flags);
	if (dev->gone) {
		ret = -ENODEV;
	} else if (cmd->sg.nents + 1 > virtqueue_get_vring_size(dev->commandq)) {
		/* No chain is longer than its ring, and none of that length ever finds room. */
		ret = -E2BIG;
	} else {
		ret = virtqueue_add_sgs(dev->commandq, sgs, 1, cmd->response_len ? 1 : 0, cmd,
					GFP_ATOMIC);
		if (!ret) {
			kref_get(&cmd->ref);
			/* With the lock: the queue may be deleted as soon as it is released. */
			virtqueue_kick(dev->commandq);
		}
	}
	spin_unlock_irqrestore(&dev->command_lock, flags);
	return ret;
}

int vmedia_command_run(struct vmedia_device *dev, struct vmedia_command *cmd)
{
	int ret = vmedia_command_submit(dev, cmd);

	while (ret == -ENOSPC) {
		DEFINE_WAIT(wait);

		prepare_to_wait(&dev->command_room, &wait, TASK_UNINTERRUPTIBLE);
		ret = vmedia_command_submit(dev, cmd);
		if (ret == -ENOSPC && !schedule_timeout(VMEDIA_TIMEOUT))
			ret = -ETIMEDOUT;
		finish_wait(&dev->command_room, &wait);
	}
	/*
	 * Not interruptible: the device may be writing to pages named in the
	 * request until it answers.
	 */
	if (!ret && !wait_for_completion_timeout(&cmd->done, VMEDIA_TIMEOUT))
		ret = -ETIMEDOUT;
	if (ret == -ETIMEDOUT)
		v4l2_err(&dev->v4l2_dev, "no answer in %d s, the device is given up\n",
			 VMEDIA_TIMEOUT / HZ);
	/* -EIO: the ring is broken. */
	if (ret == -ETIMEDOUT || ret == -ENODEV || ret == -EIO) {
		vmedia_give_up(dev);
		return ret == -ETIMEDOUT ? ret : -ENODEV;
	}
	if (ret)
		return ret;
	if (cmd->result >= 0 && cmd->response_len &&
	    cmd->result < (int)sizeof(struct virtio_media_resp_header))
		return -EIO;
	return cmd->result;
}

void vmedia_commandq_done(struct virtqueue *vq)
{
	struct vmedia_device *dev = vq->vdev->priv;
	struct vmedia_command *cmd;
	unsigned long flags;
	unsigned int len;

	spin_lock_irqsave(&dev->command_lock, flags);
	do {
		virtqueue_disable_cb(vq);
		while ((cmd = virtqueue_get_buf(vq, &len))) {
			/* Trust no length the device gives. */
			cmd->result = min_t(size_t, len, cmd->response_len);
			complete(&cmd->done);
			vmedia_command_put(cmd);
		}
	} while (!virtqueue_enable_cb(vq) && !virtqueue_is_broken(vq));
	spin_unlock_irqrestore(&dev->command_lock, flags);
	wake_up_all(&dev->command_room);
}

/* Ends the commands that the device will never answer. It must have been reset. */
static void vmedia_commands_drain(struct vmedia_device *dev)
{
	struct vmedia_command *cmd;
	unsigned long flags;

	spin_lock_irqsave(&dev->command_lock, flags);
	while ((cmd = virtqueue_detach_unused_buf(dev->commandq))) {
		cmd->result = -ENODEV;
		complete(&cmd->done);
		vmedia_command_put(cmd);
	}
	spin_unlock_irqrestore(&dev->command_lock, flags);
}

void vmedia_give_up(struct vmedia_device *dev)
{
	unsigned long flags;

	mutex_lock(&dev->reset_lock);
	if (!dev->reset) {
		spin_lock_irqsave(&dev->command_lock, flags);
		dev->gone = true;
		spin_unlock_irqrestore(&dev->command_lock, flags);
		wake_up_all(&dev->command_room);
		/* Waiting programs are told before the reset, and get their buffers after it. */
		schedule_work(&dev->gone_work);
		virtio_reset_device(dev->vdev);
		vmedia_commands_drain(dev);
		WRITE_ONCE(dev->reset, true);
		schedule_work(&dev->gone_work);
	}
	mutex_unlock(&dev->reset_lock);
}
