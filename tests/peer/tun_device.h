/* tun_device.h - a TUN device with addresses, made without any outside program. */
#ifndef PEER_TUN_DEVICE_H
#define PEER_TUN_DEVICE_H

#include <stddef.h>
#include <stdint.h>

struct tun_address {
	int family; /* AF_INET or AF_INET6; 0: none */
	uint8_t bytes[16];
	unsigned prefix;
};

/* Reads ADDRESS/PREFIX of that family; returns 0 or -EINVAL. */
int tun_address_read(int family, const char *text, struct tun_address *address);

/* Creates device `name` in the network namespace of the caller, gives it the addresses and brings it up.
 * Returns a non-blocking descriptor, or a negative errno with the step that failed in *step. */
int tun_device_open(const char *name, const struct tun_address *addresses, size_t count, const char **step);

#endif
