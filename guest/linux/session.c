// SPDX-License-Identifier: GPL-2.0-or-later
/* Sessions of the device: how they begin and end, and the ioctls in between. */
#include "virtio_media.h"

/*
 * The highest errno that means something to an application; those above 511
 * mean something to the kernel.
 */
#define VMEDIA_MAX_STATUS	133

static int vmedia_status(const struct virtio_media_resp_header *resp)
{
	u32 status = le32_to_cpu(READ_ONCE(resp->status));

	return status > VMEDIA_MAX_STATUS ? -EIO : -(int)status;
}

int vmedia_session_open(struct vmedia_session *s)
{
	struct vmedia_command *cmd;
	struct virtio_media_cmd_header *req;
	const struct virtio_media_resp_open *resp;
	int ret, len;

	cmd = vmedia_command_alloc(sizeof(*req), sizeof(*resp));
	if (!cmd)
		return -ENOMEM;
	req = vmedia_command_request(cmd);
	req->cmd = cpu_to_le32(VIRTIO_MEDIA_CMD_OPEN);
	len = vmedia_command_run(s->dev, cmd);
	ret = len;
	if (len >= 0) {
		resp = vmedia_command_response(cmd);
		ret = vmedia_status(&resp->hdr);
		if (!ret && len < (int)sizeof(*resp))
			ret = -EIO;
		s->id = le32_to_cpu(resp->session_id);
	}
	vmedia_command_put(cmd);
	return ret;
}

void vmedia_session_close(struct vmedia_session *s)
{
	struct vmedia_command *cmd;
	struct virtio_media_cmd_close *req;
	int ret = -ENOMEM;

	cmd = vmedia_command_alloc(sizeof(*req), 0);
	if (cmd) {
		req = vmedia_command_request(cmd);
		req->hdr.cmd = cpu_to_le32(VIRTIO_MEDIA_CMD_CLOSE);
		req->session_id = cpu_to_le32(s->id);
		ret = vmedia_command_run(s->dev, cmd);
		vmedia_command_put(cmd);
	}
	/* What the session had is freed next: a device that was not told must not write to it. */
	if (ret < 0)
		vmedia_give_up(s->dev);
}

void vmedia_session_end(struct vmedia_session *s)
{
	bool ended;

	/* No event finds the session from here on: its id may be another's once CLOSE was sent. */
	mutex_lock(&s->dev->sessions_lock);
	ended = s->ended;
	s->ended = true;
	list_del_init(&s->link);
	mutex_unlock(&s->dev->sessions_lock);
	WRITE_ONCE(s->broken, true);
	if (!ended)
		vmedia_session_close(s);
}

bool vmedia_session_over(struct vmedia_session *s)
{
	return READ_ONCE(s->dev->gone) || READ_ONCE(s->broken);
}

void vmedia_session_watch_start(struct vmedia_session *s)
{
	WRITE_ONCE(s->heard, jiffies);
	schedule_delayed_work(&s->watch_work, VMEDIA_SILENCE);
}

int vmedia_session_call(struct vmedia_session *s, const struct vmedia_call *call)
{
	struct vmedia_command *cmd;
	struct virtio_media_cmd_ioctl *req;
	const struct virtio_media_resp_header *resp;
	int full = sizeof(*resp) + call->out, ret, len;

	if (READ_ONCE(s->broken))
		return READ_ONCE(s->dev->gone) ? -ENODEV : -EIO;
	cmd = vmedia_command_alloc(sizeof(*req) + call->in + call->tail_len, full);
	if (!cmd)
		return -ENOMEM;
	vmedia_command_attach(cmd, call->memory);
	req = vmedia_command_request(cmd);
	req->hdr.cmd = cpu_to_le32(VIRTIO_MEDIA_CMD_IOCTL);
	req->session_id = cpu_to_le32(s->id);
	req->code = cpu_to_le32(call->code);
	memcpy(req + 1, call->payload, call->in);
	if (call->tail_len)
		memcpy((void *)(req + 1) + call->in, call->tail, call->tail_len);
	len = vmedia_command_run(s->dev, cmd);
	ret = len;
	if (len >= 0) {
		WRITE_ONCE(s->heard, jiffies);
		resp = vmedia_command_response(cmd);
		ret = vmedia_status(resp);
		if (!ret && len < full)
			ret = -EIO;
		if ((!ret || call->keep) && len >= full)
			memcpy(call->payload, resp + 1, call->out);
	}
	vmedia_command_put(cmd);
	return ret;
}

int vmedia_ioctl(struct vmedia_session *s, u32 code, void *payload, size_t in, size_t out)
{
	const struct vmedia_call call = { .code = code, .payload = payload, .in = in, .out = out };

	return vmedia_session_call(s, &call);
}
