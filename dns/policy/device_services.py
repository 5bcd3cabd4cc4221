"""Names by which operating systems find out whether a network works, and by which they set their clocks.

A device that gets no answer for these believes that there is no internet: it leaves the Wi-Fi, shows a sign-in
window, or checks no certificate because its clock is wrong. They give a pupil nothing to look at, so they stay
open in lessons and pauses. Each opens with its subdomains, so each is a host (or a domain) that serves nothing
else.

Of 2026-11, from the vendors' lists of hosts for managed networks and the sources of the systems themselves. Not
here, because they serve much else: `www.apple.com`, `www.gstatic.com`, `www.google.com`, `play.googleapis.com`,
`fedoraproject.org`.
"""

CONNECTIVITY_CHECKS = {
    "msftconnecttest.com": "Windows, Xbox",
    "msftncsi.com": "Windows",
    "captive.apple.com": "iOS, iPadOS, macOS",
    "www.airport.us": "iOS before 9",
    "www.appleiphonecell.com": "iOS before 9",
    "www.ibook.info": "iOS before 9",
    "www.itools.info": "iOS before 9",
    "www.thinkdifferent.us": "iOS before 9",
    "connectivitycheck.gstatic.com": "Android, ChromeOS",
    "connectivitycheck.android.com": "Android",
    "clients3.google.com": "Android before 8, Chrome",
    "connectivitycheck.grapheneos.network": "GrapheneOS",
    "connectivitycheck.platform.hicloud.com": "Huawei",
    "connectivitycheck.cbg-app.huawei.com": "Huawei",
    "connectivity.samsung.com.cn": "Samsung",
    "conn1.coloros.com": "Oppo, OnePlus, Realme",
    "conn2.coloros.com": "Oppo, OnePlus, Realme",
    "conn1.oppomobile.com": "Oppo",
    "conn2.oppomobile.com": "Oppo",
    "wifi.vivo.com.cn": "Vivo",
    "connect.rom.miui.com": "Xiaomi",
    "fireoscaptiveportal.com": "Fire tablets",
    "spectrum.s3.amazonaws.com": "Kindle, Fire tablets",
    "detectportal.firefox.com": "Firefox",
    "detectportal.brave-http-only.com": "Brave",
    "edge-http.microsoft.com": "Edge",
    "connectivity-check.ubuntu.com": "Ubuntu",
    "network-test.debian.org": "Debian",
    "nmcheck.gnome.org": "GNOME",
    "networkcheck.kde.org": "KDE",
    "conncheck.opensuse.org": "openSUSE",
    "ping.archlinux.org": "Arch Linux",
    "ping.manjaro.org": "Manjaro",
    "capnet.elementary.io": "elementary OS",
    "conntest.nintendowifi.net": "Nintendo",
    "ctest.cdn.nintendo.net": "Nintendo Switch",
    "ctest-dl-lp1.cdn.nintendo.net": "Nintendo Switch",
    "ctest-ul-lp1.cdn.nintendo.net": "Nintendo Switch",
    "ena.net.playstation.net": "PlayStation",
    "test.steampowered.com": "SteamOS",
    "ipv4only.arpa": "every system in networks of IPv6 alone (RFC 7050)",
}

TIME_SERVERS = {
    "pool.ntp.org": "most of Linux, Android and many others",
    "time.windows.com": "Windows",
    "time.apple.com": "macOS",
    "time.asia.apple.com": "macOS",
    "time.euro.apple.com": "macOS",
    "time-ios.apple.com": "iOS, iPadOS",
    "time-macos.apple.com": "macOS",
    "time.android.com": "Android",
    "time.google.com": "ChromeOS, Android",
    "time1.google.com": "ChromeOS",
    "time2.google.com": "ChromeOS",
    "time3.google.com": "ChromeOS",
    "time4.google.com": "ChromeOS",
    "time.cloudflare.com": "many",
    "time.nist.gov": "many",
    "time.aws.com": "Amazon",
    "ntp-g7g.amazon.com": "Fire tablets, Echo",
    "kindle-time.amazon.com": "Kindle",
    "time.facebook.com": "Quest",
    "time.grapheneos.org": "GrapheneOS",
    "ntp.ubuntu.com": "Ubuntu",
    "ntp.nict.jp": "many",
}

DEVICE_SERVICES = CONNECTIVITY_CHECKS | TIME_SERVERS
