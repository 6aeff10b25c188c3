#!/usr/bin/env bash
# Boots Debian's kernel in QEMU with version 2 of cgroups alone, as most hosts have it, and there runs Wharf itself and the
# real-container tests of agent-runtime. Software emulation, so it needs no KVM; it takes about a minute.
#
#   tests/vm/cgroup2.sh              from ./x test-long, which installs what it needs
#   tests/vm/cgroup2.sh --idle 2000  what as many idle containers cost, of the optimised binary; half an hour
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly VM="$PWD/target/vm" ROOT="$PWD/target/vm/root" SHIM="$PWD/target/debug/wharf-shim"
readonly MODULES=(llc stp bridge veth overlay loop) # in the order of what they need
readonly DISK=(virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk)
idle=
[ "${1:-}" = --idle ] && idle=$2
profile=debug
[ -n "$idle" ] && profile=release

[ "$(uname -m)" = x86_64 ] || { echo "SKIPPED: the virtual machine is for x86_64 hosts"; exit 0; }

fetch_kernel() {
    mkdir -p "$VM/kernel"
    [ -n "$(find "$VM/kernel/boot" -name 'vmlinuz-*' 2>/dev/null)" ] && return
    local package
    package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p' | head -1)
    (cd "$VM" && apt-get download -q "$package" && dpkg -x "$package"_*.deb kernel)
}

# The program, the libraries that it needs, and its own path inside of the machine.
add_program() {
    install -D "$1" "$ROOT$2"
    strip "$ROOT$2"
    local library
    for library in $(ldd "$1" | grep -o '/[^ ]*'); do install -D "$library" "$ROOT$library"; done
}

make_root() {
    rm -rf "$ROOT"
    mkdir -p "$ROOT"/{bin,mods,newroot,etc}
    cp /bin/busybox "$ROOT/bin/busybox"
    local tests module
    tests=$(cargo test -p agent-runtime --test it --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))/\1/p')
    add_program "$tests" /bin/runtime-tests
    add_program "$SHIM" "$SHIM"
    add_program "target/$profile/wharf" /bin/wharf
    for module in "${MODULES[@]}" "${DISK[@]}"; do
        find "$VM/kernel/lib/modules" -name "$module.ko" -exec cp {} "$ROOT/mods/" \;
    done
    install tests/vm/init "$ROOT/init"
    install tests/vm/play "$ROOT/play"
    (cd "$ROOT" && find . | cpio -o -H newc --quiet | gzip -1) >"$VM/initrd.gz"
}

# Its arguments: megabytes of memory, seconds at most, a parameter of the kernel's.
boot() {
    timeout "$2" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m "$1" -nographic -no-reboot \
        -kernel "$VM"/kernel/boot/vmlinuz-* -initrd "$VM/initrd.gz" -drive "file=$VM/disk,format=raw,if=virtio" \
        -append "console=ttyS0 quiet panic=-1 rdinit=/init cgroup_no_v1=all $3" | tee "$VM/console.log"
}

cargo build --quiet -p wharf -p agent-runtime
[ -n "$idle" ] && cargo build --quiet --release -p wharf
fetch_kernel
make_root
rm -f "$VM/disk"
truncate -s 4G "$VM/disk"
mkfs.ext4 -q "$VM/disk"
if [ -n "$idle" ]; then
    boot 14000 3600 "wharf.idle=$idle"
    exit
fi
boot 3000 600 ''
grep -q '^== everything passed' "$VM/console.log"
