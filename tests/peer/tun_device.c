/* tun_device.c - creates the device behind which the scripted peer lives.
 * In: a name and addresses.  Out: a descriptor that reads and writes IP packets.
 * Owns: nothing; the device goes away with the descriptor.
 * Why so: ioctl and one netlink message instead of running `ip`, so that the peer needs no package. */
#include "tun_device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

enum {
	/* The default of 500 packets loses SYNs when 16,000 connects start at once; the kernel allocates one
	 * pointer for each, so a large queue costs little. */
	QUEUE_PACKETS = 65536,
};

int tun_address_read(int family, const char *text, struct tun_address *address)
{
	char host[INET6_ADDRSTRLEN], *end;
	const char *slash = strchr(text, '/');
	unsigned long prefix;

	if (!slash || (size_t)(slash - text) >= sizeof host)
		return -EINVAL;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = 0;
	errno = 0;
	prefix = strtoul(slash + 1, &end, 10);
	if (errno || *end || slash[1] < '0' || slash[1] > '9' || prefix > (family == AF_INET ? 32 : 128))
		return -EINVAL;
	if (inet_pton(family, host, address->bytes) != 1)
		return -EINVAL;
	address->family = family;
	address->prefix = (unsigned)prefix;
	return 0;
}

static void *attribute(struct nlmsghdr *message, unsigned short type, const void *data, size_t length)
{
	struct rtattr *attribute = (struct rtattr *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(length);
	memcpy(RTA_DATA(attribute), data, length);
	message->nlmsg_len = (unsigned)(NLMSG_ALIGN(message->nlmsg_len) + RTA_ALIGN(attribute->rta_len));
	return attribute;
}

/* RTM_NEWADDR, and the kernel's acknowledgement.  IFA_F_NODAD: usable at once, nobody else is there to ask. */
static int add_address(int netlink, unsigned interface, const struct tun_address *address)
{
	_Alignas(struct nlmsghdr) char buffer[512] = { 0 };
	struct nlmsghdr *message = (struct nlmsghdr *)buffer;
	struct ifaddrmsg *body = NLMSG_DATA(message);
	size_t length = address->family == AF_INET ? 4 : 16;
	ssize_t got;

	message->nlmsg_len = NLMSG_LENGTH(sizeof *body);
	message->nlmsg_type = RTM_NEWADDR;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	body->ifa_family = (unsigned char)address->family;
	body->ifa_prefixlen = (unsigned char)address->prefix;
	body->ifa_flags = IFA_F_NODAD;
	body->ifa_index = interface;
	attribute(message, IFA_LOCAL, address->bytes, length);
	attribute(message, IFA_ADDRESS, address->bytes, length);
	if (send(netlink, message, message->nlmsg_len, 0) < 0)
		return -errno;
	got = recv(netlink, buffer, sizeof buffer, 0);
	if (got < 0)
		return -errno;
	if (!NLMSG_OK(message, (size_t)got) || message->nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return ((struct nlmsgerr *)NLMSG_DATA(message))->error;
}

static int configure(int control, int netlink, const char *name, const struct tun_address *addresses,
		     size_t count, const char **step)
{
	struct ifreq request = { 0 };
	int error;

	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	*step = "lengthen its queue";
	request.ifr_qlen = QUEUE_PACKETS;
	if (ioctl(control, SIOCSIFTXQLEN, &request) < 0)
		return -errno;
	*step = "bring it up";
	request.ifr_qlen = 0;
	if (ioctl(control, SIOCGIFFLAGS, &request) < 0)
		return -errno;
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	if (ioctl(control, SIOCSIFFLAGS, &request) < 0)
		return -errno;
	*step = "give it an address";
	for (size_t i = 0; i < count; i++) {
		if (!addresses[i].family)
			continue;
		error = add_address(netlink, if_nametoindex(name), &addresses[i]);
		if (error)
			return error;
	}
	return 0;
}

int tun_device_open(const char *name, const struct tun_address *addresses, size_t count, const char **step)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int tun = -1, control = -1, netlink = -1, error;

	*step = "open /dev/net/tun";
	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tun < 0)
		return -errno;
	*step = "create it";
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	if (ioctl(tun, TUNSETIFF, &request) < 0) {
		error = -errno;
		goto out;
	}
	*step = "open a control socket";
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	error = control < 0 || netlink < 0 ? -errno : configure(control, netlink, name, addresses, count, step);
out:
	if (control >= 0)
		close(control);
	if (netlink >= 0)
		close(netlink);
	if (error)
		close(tun);
	return error ? error : tun;
}
