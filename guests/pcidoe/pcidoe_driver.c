// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * pcidoe: a file for every DOE mailbox of the system, /dev/pcidoe/doe[BDF]_OFFSET (offset of the capability,
 * hexadecimal), on which a program exchanges data objects by the ioctl of pcidoe.h. The kernel's own mailbox does the
 * exchange, so that its drivers and programs take turns.
 *
 * A file outlives its device while it is open; it then says ENODEV. Mailboxes of devices that come later get their
 * files, too.
 */
#include <linux/device/bus.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pci-doe.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pcidoe.h"

#define PAYLOAD_BYTES_MAX ((1u << 20) - 8) /* 2^18 DWORDs, two of them header [PCIe6 6.30.1] */

struct node {
	struct list_head list;
	struct kref users;    /* the list, and every open file */
	struct mutex lock;    /* of pdev */
	struct pci_dev *pdev; /* NULL: gone */
	u16 offset;
	char name[64];
	struct miscdevice misc;
};

static LIST_HEAD(nodes);
static DEFINE_MUTEX(nodes_lock); /* never inside a node's lock */

static void node_free(struct kref *users)
{
	kfree(container_of(users, struct node, users));
}

/* misc keeps the device from being deregistered while this runs, so the node is there. */
static int node_open(struct inode *inode, struct file *file)
{
	struct node *node = container_of(file->private_data, struct node, misc);

	kref_get(&node->users);
	file->private_data = node;
	return 0;
}

static int node_release(struct inode *inode, struct file *file)
{
	struct node *node = file->private_data;

	kref_put(&node->users, node_free);
	return 0;
}

/* Bytes that came, or an error. */
static int node_exchange(struct node *node, const struct pcidoe_exchange *e, const void *request, void *response)
{
	struct pci_doe_mb *mailbox;
	int got = -ENODEV;

	mutex_lock(&node->lock);
	mailbox = node->pdev ? xa_load(&node->pdev->doe_mbs, node->offset) : NULL;
	if (mailbox)
		got = pci_doe(mailbox, e->vendor, e->type, request, e->request_bytes, response, PAYLOAD_BYTES_MAX);
	mutex_unlock(&node->lock);
	return got;
}

static long node_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct pcidoe_exchange __user *user = (void __user *)argument;
	struct pcidoe_exchange e;
	void *request, *response;
	long got;
	size_t n;

	if (command != PCIDOE_EXCHANGE)
		return -ENOTTY;
	if (copy_from_user(&e, user, sizeof(e)))
		return -EFAULT;
	for (n = 0; n < ARRAY_SIZE(e.reserved); n++)
		if (e.reserved[n])
			return -EINVAL;
	if (e.request_bytes % 4 || e.response_bytes % 4 || e.request_bytes > PAYLOAD_BYTES_MAX)
		return -EINVAL;
	request = kvmalloc(max(e.request_bytes, 4u), GFP_KERNEL);
	response = kvzalloc(PAYLOAD_BYTES_MAX, GFP_KERNEL);
	if (!request || !response)
		got = -ENOMEM;
	else if (copy_from_user(request, u64_to_user_ptr(e.request), e.request_bytes))
		got = -EFAULT;
	else
		got = node_exchange(file->private_data, &e, request, response);
	if (got >= 0 && copy_to_user(u64_to_user_ptr(e.response), response, min_t(size_t, got, e.response_bytes)))
		got = -EFAULT;
	if (got >= 0 && put_user((__u32)got, &user->response_bytes))
		got = -EFAULT;
	kvfree(request);
	kvfree(response);
	return got < 0 ? got : 0;
}

static const struct file_operations node_files = {
	.owner = THIS_MODULE,
	.open = node_open,
	.release = node_release,
	.unlocked_ioctl = node_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static void node_add(struct pci_dev *pdev, u16 offset)
{
	struct node *node = kzalloc(sizeof(*node), GFP_KERNEL);

	if (!node)
		return;
	kref_init(&node->users);
	mutex_init(&node->lock);
	node->pdev = pdev;
	node->offset = offset;
	snprintf(node->name, sizeof(node->name), "pcidoe/doe[%s]_%x", pci_name(pdev), offset);
	node->misc.minor = MISC_DYNAMIC_MINOR;
	node->misc.name = node->name;
	node->misc.fops = &node_files;
	node->misc.mode = 0600;
	if (misc_register(&node->misc)) {
		pci_warn(pdev, "pcidoe: no file for the mailbox at %x\n", offset);
		kref_put(&node->users, node_free);
		return;
	}
	list_add(&node->list, &nodes);
}

static void device_add_nodes(struct pci_dev *pdev)
{
	u16 at = 0;

	mutex_lock(&nodes_lock);
	while ((at = pci_find_next_ext_capability(pdev, at, PCI_EXT_CAP_ID_DOE)))
		node_add(pdev, at);
	mutex_unlock(&nodes_lock);
}

/* Those of one device; NULL: all. */
static void remove_nodes(struct pci_dev *pdev)
{
	struct node *node, *next;

	mutex_lock(&nodes_lock);
	list_for_each_entry_safe(node, next, &nodes, list)
	{
		if (pdev && node->pdev != pdev)
			continue;
		list_del(&node->list);
		misc_deregister(&node->misc);
		mutex_lock(&node->lock);
		node->pdev = NULL;
		mutex_unlock(&node->lock);
		kref_put(&node->users, node_free);
	}
	mutex_unlock(&nodes_lock);
}

static int bus_changed(struct notifier_block *block, unsigned long what, void *data)
{
	if (what == BUS_NOTIFY_ADD_DEVICE)
		device_add_nodes(to_pci_dev(data));
	else if (what == BUS_NOTIFY_DEL_DEVICE)
		remove_nodes(to_pci_dev(data));
	return NOTIFY_DONE;
}

static struct notifier_block watcher = {.notifier_call = bus_changed};

static int __init pcidoe_init(void)
{
	struct pci_dev *pdev = NULL;
	int error;

	/* Nothing comes or goes between the walk and the first notice: one that went would leave its node behind. */
	pci_lock_rescan_remove();
	error = bus_register_notifier(&pci_bus_type, &watcher);
	if (!error)
		for_each_pci_dev(pdev) device_add_nodes(pdev);
	pci_unlock_rescan_remove();
	return error;
}

static void __exit pcidoe_exit(void)
{
	bus_unregister_notifier(&pci_bus_type, &watcher);
	remove_nodes(NULL);
}

module_init(pcidoe_init);
module_exit(pcidoe_exit);
MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("A file for every DOE mailbox");
