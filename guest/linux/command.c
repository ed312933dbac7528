// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands: one chain on the command queue each, several in flight.
 *
 * A command is reference counted. One reference is the caller's, one belongs to the ring while the device has the
 * chain, so an answer that comes after the caller gave up finds memory that is still there.
 */
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "virtio_media.h"

/* How long a device may take. A device that takes longer is given up. */
#define VMEDIA_TIMEOUT	(10 * HZ)

struct vmedia_command {
	struct kref ref;
	struct completion done;
	/* on the ring; guarded by vmedia_device.command_lock */
	bool in_flight;
	int result;
	size_t request_len;
	size_t response_len;
	void *request;
	void *response;
	struct sg_table sg;
};

static void vmedia_command_free(struct kref *ref)
{
	struct vmedia_command *cmd = container_of(ref, struct vmedia_command, ref);

	sg_free_table(&cmd->sg);
	kvfree(cmd->request);
	kfree(cmd->response);
	kfree(cmd);
}

void vmedia_command_put(struct vmedia_command *cmd)
{
	kref_put(&cmd->ref, vmedia_command_free);
}

/* Long scatter lists make requests that kmalloc() does not give in one piece: those are described page by page. */
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

/* Puts the chain on the ring. -ENOSPC: no room now. */
static int vmedia_command_submit(struct vmedia_device *dev, struct vmedia_command *cmd)
{
	struct scatterlist answer, *sgs[2] = { cmd->sg.sgl, &answer };
	unsigned long flags;
	bool kick = false;
	int ret;

	if (cmd->response_len)
		sg_init_one(&answer, cmd->response, cmd->response_len);
	spin_lock_irqsave(&dev->command_lock, flags);
	if (dev->gone) {
		ret = -ENODEV;
	} else {
		ret = virtqueue_add_sgs(dev->commandq, sgs, 1, cmd->response_len ? 1 : 0, cmd, GFP_ATOMIC);
		if (!ret) {
			kref_get(&cmd->ref);
			cmd->in_flight = true;
			kick = virtqueue_kick_prepare(dev->commandq);
		}
	}
	spin_unlock_irqrestore(&dev->command_lock, flags);
	if (kick)
		virtqueue_notify(dev->commandq);
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
	if (ret)
		return ret;
	/* Not interruptible: the device may be writing to pages named in the request until it answers. */
	if (!wait_for_completion_timeout(&cmd->done, VMEDIA_TIMEOUT)) {
		v4l2_err(&dev->v4l2_dev, "no answer in %d s, the device is given up\n", VMEDIA_TIMEOUT / HZ);
		vmedia_commands_abort(dev);
		return -ETIMEDOUT;
	}
	if (cmd->result < 0 || !cmd->response_len)
		return cmd->result;
	if (cmd->result < sizeof(struct virtio_media_resp_header))
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
			cmd->in_flight = false;
			complete(&cmd->done);
			vmedia_command_put(cmd);
		}
	} while (!virtqueue_enable_cb(vq) && !virtqueue_is_broken(vq));
	spin_unlock_irqrestore(&dev->command_lock, flags);
	wake_up_all(&dev->command_room);
}

void vmedia_commands_abort(struct vmedia_device *dev)
{
	unsigned long flags;

	spin_lock_irqsave(&dev->command_lock, flags);
	dev->gone = true;
	spin_unlock_irqrestore(&dev->command_lock, flags);
	wake_up_all(&dev->command_room);
}

void vmedia_commands_drain(struct vmedia_device *dev)
{
	struct vmedia_command *cmd;
	unsigned long flags;

	spin_lock_irqsave(&dev->command_lock, flags);
	while ((cmd = virtqueue_detach_unused_buf(dev->commandq))) {
		cmd->in_flight = false;
		cmd->result = -ENODEV;
		complete(&cmd->done);
		vmedia_command_put(cmd);
	}
	spin_unlock_irqrestore(&dev->command_lock, flags);
}

int vmedia_session_open(struct vmedia_device *dev, u32 *id)
{
	struct vmedia_command *cmd;
	struct virtio_media_cmd_header *req;
	const struct virtio_media_resp_open *resp;
	int ret;

	cmd = vmedia_command_alloc(sizeof(*req), sizeof(*resp));
	if (!cmd)
		return -ENOMEM;
	req = vmedia_command_request(cmd);
	req->cmd = cpu_to_le32(VIRTIO_MEDIA_CMD_OPEN);
	ret = vmedia_command_run(dev, cmd);
	if (ret >= 0) {
		resp = vmedia_command_response(cmd);
		if (resp->hdr.status)
			ret = -(int)(le32_to_cpu(resp->hdr.status) & (MAX_ERRNO - 1));
		else if (ret < (int)sizeof(*resp))
			ret = -EIO;
		else
			ret = 0;
		*id = le32_to_cpu(resp->session_id);
	}
	vmedia_command_put(cmd);
	return ret;
}

void vmedia_session_close(struct vmedia_device *dev, u32 id)
{
	struct vmedia_command *cmd;
	struct virtio_media_cmd_close *req;

	cmd = vmedia_command_alloc(sizeof(*req), 0);
	if (!cmd)
		return;
	req = vmedia_command_request(cmd);
	req->hdr.cmd = cpu_to_le32(VIRTIO_MEDIA_CMD_CLOSE);
	req->session_id = cpu_to_le32(id);
	vmedia_command_run(dev, cmd);
	vmedia_command_put(cmd);
}

int vmedia_ioctl(struct vmedia_session *s, u32 code, void *payload, size_t in, size_t out, const void *tail, size_t tail_len,
		 bool keep)
{
	struct vmedia_command *cmd;
	struct virtio_media_cmd_ioctl *req;
	const struct virtio_media_resp_header *resp;
	size_t header = sizeof(*resp);
	u32 status;
	int ret;

	if (READ_ONCE(s->broken))
		return -EIO;
	cmd = vmedia_command_alloc(sizeof(*req) + in + tail_len, header + out);
	if (!cmd)
		return -ENOMEM;
	req = vmedia_command_request(cmd);
	req->hdr.cmd = cpu_to_le32(VIRTIO_MEDIA_CMD_IOCTL);
	req->session_id = cpu_to_le32(s->id);
	req->code = cpu_to_le32(code);
	memcpy(req + 1, payload, in);
	if (tail_len)
		memcpy((void *)(req + 1) + in, tail, tail_len);
	ret = vmedia_command_run(s->dev, cmd);
	if (ret >= 0) {
		resp = vmedia_command_response(cmd);
		status = le32_to_cpu(resp->status);
		if (status >= MAX_ERRNO)
			status = EIO;
		if (!status && ret < (int)(header + out))
			status = EIO;
		if ((!status || keep) && ret >= (int)(header + out))
			memcpy(payload, resp + 1, out);
		ret = -(int)status;
	}
	vmedia_command_put(cmd);
	return ret;
}
