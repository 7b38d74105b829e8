package egress

import "net/netip"

// public says whether an address, which is not mapped, is one of the public internet: of IPv4 whatever no registry sets
// apart (IANA IPv4 Special-Purpose Address Registry), of IPv6 what is global unicast (2000::/3, RFC 4291 2.4) and not set
// apart (IANA IPv6 Special-Purpose Address Registry). Those that carry an address of IPv4 are refused whole: through a
// translator they would reach it, and who serves IPv6 has an address of its own.
func public(ip netip.Addr) bool {
	apart := []string{
		"0.0.0.0/8",       // this network, RFC 791
		"10.0.0.0/8",      // private, RFC 1918
		"100.64.0.0/10",   // shared by carriers, RFC 6598
		"127.0.0.0/8",     // loopback, RFC 1122
		"169.254.0.0/16",  // link-local, RFC 3927, and what clouds tell their machines
		"172.16.0.0/12",   // private, RFC 1918
		"192.0.0.0/24",    // protocol assignments, RFC 6890
		"192.0.2.0/24",    // documentation, RFC 5737
		"192.88.99.0/24",  // relays of 6to4, RFC 7526
		"192.168.0.0/16",  // private, RFC 1918
		"198.18.0.0/15",   // benchmarks, RFC 2544
		"198.51.100.0/24", // documentation, RFC 5737
		"203.0.113.0/24",  // documentation, RFC 5737
		"224.0.0.0/4",     // multicast, RFC 5771
		"240.0.0.0/4",     // reserved, RFC 1112, and broadcast
	}
	if ip.Is6() {
		if !netip.MustParsePrefix("2000::/3").Contains(ip) { // leaves out NAT64, RFC 6052 and RFC 8215, and all local ones
			return false
		}
		apart = []string{
			"2001::/23",     // protocol assignments with Teredo, RFC 2928 and RFC 4380
			"2001:db8::/32", // documentation, RFC 3849
			"2002::/16",     // 6to4, RFC 3056
			"3fff::/20",     // documentation, RFC 9637
		}
	}
	for _, network := range apart {
		if netip.MustParsePrefix(network).Contains(ip) {
			return false
		}
	}
	return ip.IsValid()
}
