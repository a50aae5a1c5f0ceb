#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# In the guest, whose first process is systemd: the life of the package and its service. Lines that begin with @@ are for service.py.
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
UNIT=tcplife-fsm.service
OUT=/var/log/tcplife-fsm/tcplife-fsm.json
CONF=/etc/tcplife-fsm.conf
exec 2>&1

# NAME COMMAND...
check()
{
	local name=$1
	shift
	if "$@" >/tmp/out; then
		echo "@@ ok $name"
	else
		echo "@@ failed $name"
		cat /tmp/out
		systemctl --no-pager status $UNIT | head -20
		journalctl --no-pager -u $UNIT -n 20
	fi
}

# Until a command succeeds.
wait_for()
{
	local n
	for n in $(seq 120); do
		"$@" >/dev/null && return
		sleep 0.5
	done
	echo "in vain: $*"
	return 1
}

is() { [ "$(systemctl show -P "$1" $UNIT)" = "$2" ] || { systemctl show -p "$1" $UNIT; return 1; }; }
pid() { systemctl show -P MainPID $UNIT; }
active_again() { is ActiveState active && [ "$(pid)" != "$1" ] && [ "$(pid)" != 0 ]; }
admin() { pgrep -P "$(pid)" -x tcplife-admin; }
capabilities() { echo $((0x$(sed -n 's/^CapPrm:\t//p' "/proc/$1/status"))); }
mode() { [ "$(stat -c '%a %U:%G' "$1")" = "$2" ] || { stat -c '%a %U:%G' "$1"; return 1; }; }
seen() { grep -q "$1" $OUT; }

# A connection from one end to the other of the loopback device, in a namespace if one is given.
connect()
{
	${1:+ip netns exec $1} perl -MIO::Socket::INET -e '
		my $l = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => 7000, ReuseAddr => 1) or die;
		my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1:7000") or die;
		my $s = $l->accept or die; close $c; sysread $s, my $x, 1; close $s;
		sleep 3;' # who ends at once may be gone before its path is read
}

# More connections than the listener has room for, of which it accepts none. Only a thread in the namespace can read that.
overflow()
{
	ip netns exec "$1" perl -MSocket -e '
		socket(my $l, PF_INET, SOCK_STREAM, 0); my $a = sockaddr_in(7001, INADDR_LOOPBACK);
		bind($l, $a) && listen($l, 0) or die;
		for (1 .. 4) { socket(my $c, PF_INET, SOCK_STREAM | 2048, 0); connect($c, $a); push @all, $c; }
		sleep 3600;' >/dev/null &
}

installed()
{
	dpkg -i /packages/1.deb && is LoadState loaded && is UnitFileState disabled && is ActiveState inactive &&
		mode /var/log/tcplife-fsm '2750 tcplife-fsm:adm' && mode /var/lib/tcplife-fsm '700 tcplife-fsm:tcplife-fsm' &&
		tcplife-fsm trace --config $CONF --config /etc/tcplife-fsm.d --check-config
}

# Type=notify: systemctl returns when READY=1 has come, which is after the programs were attached.
started()
{
	systemctl enable --now $UNIT && is ActiveState active && is SubState running && seen '"what":"ready"' &&
		[[ "$(systemctl show -P StatusText $UNIT)" == *events*lost* ]] && mode $OUT '640 tcplife-fsm:adm'
}

# CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are left, and CAP_SYS_ADMIN in a process of its own.
confined()
{
	local process
	for process in "$(pid)" "$(admin)"; do
		cat "/proc/$process/status"
		grep -q "^Uid:.$(id -u tcplife-fsm)\b" "/proc/$process/status" && grep -q '^NoNewPrivs:.1' "/proc/$process/status" &&
			grep -q '^Seccomp:.2' "/proc/$process/status" || return
	done
	[ "$(capabilities "$(pid)")" = $((1 << 19 | 1 << 2)) ] && [ "$(capabilities "$(admin)")" = $((1 << 21)) ] &&
		! journalctl --no-pager -u $UNIT | grep keeps
}

# By its socket, also for findings: root may ask, and who is not in group adm may not.
asked()
{
	mode /run/tcplife-fsm/status.sock '660 tcplife-fsm:adm' && tcplife-fsm status --json | grep "\"pid\":$(pid),.*\"findings\":{\"count\":" &&
		! setpriv --reuid=nobody --regid=nogroup --clear-groups tcplife-fsm status 2>/tmp/refused && grep 'group adm alone' /tmp/refused
}

with_everything()
{
	connect && wait_for seen '"local_port":7000' && grep -m1 '"local_port":7000' $OUT >/tmp/record &&
		cat /tmp/record && grep -q '"exe":"/usr/bin/perl"' /tmp/record && grep -q '"cgroup":"/system.slice/guest.service"' /tmp/record &&
		grep -q '"name":"inet_twsk_kill","type":"fentry","ok":true' $OUT
}

later_namespace()
{
	local inode
	ip netns add later && ip -n later link set lo up && inode=$(stat -L -c %i /run/netns/later) && connect later &&
		wait_for seen "\"netns\":$inode" && overflow later && wait_for seen "\"listeners\":\[{\"netns\":$inode"
}

reloaded()
{
	local before
	before=$(pid)
	mv $OUT $OUT.old && echo 'sample 1/2' >/etc/tcplife-fsm.d/sample.conf && systemctl reload $UNIT && wait_for test -s $OUT &&
		wait_for is ActiveState active && [ "$(pid)" = "$before" ] && seen '"what":"reload"' && rm /etc/tcplife-fsm.d/sample.conf
}

# It stands still: systemd ends it when the watchdog's time is over, and starts it again.
watchdog()
{
	local before
	before=$(pid)
	sleep 6 # longer than WatchdogSec=: it is fed
	[ "$(pid)" = "$before" ] && kill -STOP "$before" && wait_for active_again "$before" && is NRestarts 1
}

killed()
{
	local before
	before=$(pid)
	kill -KILL "$before" && wait_for active_again "$before" && is NRestarts 2
}

restarted()
{
	local before
	before=$(pid)
	systemctl restart $UNIT && active_again "$before" && mode /var/lib/tcplife-fsm/state '640 tcplife-fsm:tcplife-fsm'
}

# Restart=on-failure, but not for what a restart does not cure.
wrong_configuration()
{
	echo 'sumary 1s' >/etc/tcplife-fsm.d/wrong.conf
	! systemctl restart $UNIT && sleep 5 && is ActiveState failed && is ExecMainStatus 2 && is NRestarts 0 &&
		journalctl --no-pager -u $UNIT | grep -q 'wrong.conf:1: unknown option' && rm /etc/tcplife-fsm.d/wrong.conf &&
		systemctl reset-failed $UNIT && systemctl start $UNIT
}

scrape()
{
	perl -MIO::Socket::INET -e '
		my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1:19435") or exit 1;
		print $c "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"; print while <$c>;' >/tmp/metrics
	grep "$1" /tmp/metrics
}

# As the README has it. Without the drop-in nothing may listen, and the journal names it; with it namespaces are entered as before.
metrics()
{
	local dropin=/etc/systemd/system/$UNIT.d inode
	systemctl stop $UNIT && systemctl reset-failed $UNIT
	echo 'metrics 127.0.0.1:19435' >/etc/tcplife-fsm.d/metrics.conf
	! systemctl start $UNIT && systemctl stop $UNIT && journalctl --no-pager -u $UNIT | grep -m1 'network.conf' || return
	install -D -m 644 -t $dropin /usr/share/doc/tcplife-fsm/contrib/systemd/network.conf && systemctl daemon-reload &&
		systemctl restart $UNIT && wait_for scrape '^tcplife_connections{state="ESTABLISHED"}' &&
		scrape '^tcplife_helpers_cpu_seconds_total' && pgrep -P "$(pid)" -x tcplife-metrics || return
	ip netns add served && ip -n served link set lo up && inode=$(stat -L -c %i /run/netns/served) && overflow served &&
		wait_for seen "\"listeners\":\[{\"netns\":$inode" || return
	rm $dropin/network.conf /etc/tcplife-fsm.d/metrics.conf && systemctl daemon-reload && systemctl restart $UNIT
}

upgraded()
{
	local before
	before=$(pid)
	sum=$(md5sum <$CONF)
	dpkg -i --force-confold /packages/2.deb && active_again "$before" && is UnitFileState enabled && [ "$sum" = "$(md5sum <$CONF)" ] &&
		dpkg -s tcplife-fsm | grep -q '^Version: .*+upgrade$'
}

removed()
{
	dpkg -r tcplife-fsm && ! systemctl is-active $UNIT && ! pgrep '^tcplife-' && [ ! -e /usr/sbin/tcplife-fsm ] && [ -e $CONF ] && [ -e $OUT ]
}

purged() { dpkg -P tcplife-fsm && [ ! -e $CONF ] && ! systemctl is-enabled $UNIT; }

for module in /modules/*.ko; do insmod "$module"; done
ip link set lo up
check install installed
mkdir -p /etc/systemd/system/$UNIT.d
printf '[Service]\nWatchdogSec=4\n' >/etc/systemd/system/$UNIT.d/test.conf
sed -i 's/^json$/&\nsummary 2s/' $CONF
systemctl daemon-reload
check start started
check confined confined
check status asked
check everything with_everything
check later-namespace later_namespace
check reload reloaded
check watchdog watchdog
check kill killed
check restart restarted
check wrong-configuration wrong_configuration
check metrics metrics
check upgrade upgraded
check remove removed
check purge purged
echo "@@ end $(uname -r)"
systemctl poweroff --force --force
