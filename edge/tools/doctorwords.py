"""The sentences of `doctor`, in English and Chinese: how it is, and what to do about it."""

from typing import Final

from edge.tools.doctor import Finding

WORDS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "en": {
        "site_problems": (
            "{count} problems in the site file: {first}",
            "gridwarden-edge check lists all; the last good file stays in force",
        ),
        "site_warnings": ("{count} warnings about the site file: {first}", "gridwarden-edge check lists all"),
        "site_good": ("the site file is good", ""),
        "gateway_silent": (
            "no gateway answers here",
            "systemctl status gridwarden-edge; or run this as the gateway's user",
        ),
        "gateway_runs": ("{software} runs, boot {boot}", ""),
        "stores_volatile": (
            "the alarm store cannot be written; alarms live in memory",
            "free space or change the card now; it returns to the disk by itself",
        ),
        "config_rejected": (
            "the newest site file was not taken: {why}",
            "mend it; the last good one is in force",
        ),
        "config_differs": (
            "the file has changed since the gateway read it",
            "restart the gateway to take it, or put the old one back",
        ),
        "config_in_force": ("the file is in force ({hash})", ""),
        "rules_warming": (
            "{count} rules look back and have not heard enough yet: {named}",
            "they raise alarms already, and clear none yet; wait as long as their window",
        ),
        "rules_ready": ("every rule has heard enough", ""),
        "broker_connected": ("connected to the broker", ""),
        "broker_reachable": ("somebody listens at the broker's address", ""),
        "broker_away": (
            "the broker cannot be reached: {why}",
            "check network, address and certificate; alarms are kept and local actions go on",
        ),
        "acks_waiting": (
            "{count} alarms are not yet acknowledged by the server",
            "seconds are normal; longer: is the server up?",
        ),
        "acks_old": ("the server has acknowledged nothing for {minutes} minutes", "is the server up?"),
        "acks_good": ("no alarm waits for the server", ""),
        "bus_away": ("bus {bus} cannot be opened", "check cable, address and power"),
        "bus_silent": (
            "bus {bus}: silent: {devices}",
            "gridwarden-edge probe shows the frames; check power, wiring and unit numbers",
        ),
        "bus_good": ("bus {bus}: all {count} devices answer", ""),
        "port_closed": ("{port}", "plug it in, or put the user into the group dialout"),
        "certificate_unreadable": ("{file} holds no certificate that can be read", "put it there again"),
        "certificate_expired": ("{file} expired {days} days ago", "renew it; the broker refuses it"),
        "certificate_soon": ("{file} expires in {days} days", "renew it"),
        "certificate_good": ("{file} is valid for {days} days", ""),
        "clock_synced": ("the clock is synchronised", ""),
        "clock_unsure": (
            "the clock is not synchronised",
            "allow NTP, or fit a clock with a battery; on-delays count as elapsed meanwhile",
        ),
        "disk_closed": ("the state folder cannot be written by this user", "run this as the gateway's user"),
        "disk_full": ("{megabytes} MB free", "free space now: alarms have a reserve, readings have none"),
        "disk_little": ("{megabytes} MB free", "free space, or lower stores.readings_max_mb"),
        "disk_good": ("{megabytes} MB free", ""),
        "stores_sizes": ("{sizes}", ""),
        "secret_lost": ("{file} cannot be read", "put it there, readable by the gateway's user alone"),
        "secret_open": ("{file} can be read by others", "chmod 600 {file}"),
        "secrets_good": ("secrets are there and closed to others", ""),
        "supervisor_absent": (
            "systemd does not know the unit gridwarden-edge",
            "without a supervisor nobody restarts a gateway that hangs",
        ),
        "unit_inactive": (
            "the unit is {state}",
            "systemctl start gridwarden-edge; journalctl -u gridwarden-edge",
        ),
        "unit_unwatched": ("the unit has no watchdog", "install the shipped unit (WatchdogSec=60)"),
        "unit_good": ("the unit is active and watched; {restarts} restarts", ""),
        "versions_differ": (
            "Python {python}; not the locked libraries: {libraries}",
            "pip install --require-hashes -r requirements/edge.txt",
        ),
        "versions_good": ("Python {python}, the locked libraries", ""),
    },
    "zh": {
        "site_problems": (
            "站点文件有 {count} 处错误：{first}",
            "用 gridwarden-edge check 查看全部；网关继续使用上一份正确的文件",
        ),
        "site_warnings": ("站点文件有 {count} 条警告：{first}", "用 gridwarden-edge check 查看全部"),
        "site_good": ("站点文件正确", ""),
        "gateway_silent": (
            "这里没有网关应答",
            "查看 systemctl status gridwarden-edge；或以网关用户身份运行本命令",
        ),
        "gateway_runs": ("{software} 正在运行，启动标识 {boot}", ""),
        "stores_volatile": ("报警库无法写入，报警只在内存中", "立即清理空间或更换存储卡；恢复后自动回到磁盘"),
        "config_rejected": ("最新的站点文件未被采用：{why}", "请改正；目前使用上一份正确的文件"),
        "config_differs": ("网关读取之后文件又被修改", "重启网关以采用，或恢复原文件"),
        "config_in_force": ("文件已生效（{hash}）", ""),
        "rules_warming": (
            "{count} 条规则要回看一段数据，目前还不够：{named}",
            "它们已能报警，但暂不解除；等够一个时间窗即可",
        ),
        "rules_ready": ("所有规则的数据都已足够", ""),
        "broker_connected": ("已连接消息服务器", ""),
        "broker_reachable": ("消息服务器地址可达", ""),
        "broker_away": ("无法连接消息服务器：{why}", "检查网络、地址和证书；报警会保留，本地动作照常执行"),
        "acks_waiting": ("{count} 条报警尚未得到服务端确认", "几秒属正常；更久请检查服务端"),
        "acks_old": ("服务端已有 {minutes} 分钟没有确认", "检查服务端是否在运行"),
        "acks_good": ("没有等待确认的报警", ""),
        "bus_away": ("总线 {bus} 无法打开", "检查线缆、地址和电源"),
        "bus_silent": (
            "总线 {bus} 上无应答：{devices}",
            "用 gridwarden-edge probe 查看报文；检查电源、接线和站号",
        ),
        "bus_good": ("总线 {bus}：{count} 台设备全部应答", ""),
        "port_closed": ("串口问题：{port}", "插好适配器，或把用户加入 dialout 组"),
        "certificate_unreadable": ("{file} 中没有可读的证书", "重新放置证书"),
        "certificate_expired": ("{file} 已过期 {days} 天", "请更换；消息服务器会拒绝它"),
        "certificate_soon": ("{file} 还有 {days} 天到期", "请更换"),
        "certificate_good": ("{file} 还有 {days} 天有效", ""),
        "clock_synced": ("时钟已同步", ""),
        "clock_unsure": ("时钟未同步", "放通 NTP，或加装带电池的时钟；此间报警延时按已满处理"),
        "disk_closed": ("当前用户不能写状态目录", "以网关用户身份运行本命令"),
        "disk_full": ("剩余 {megabytes} MB", "立即清理：报警有预留空间，读数没有"),
        "disk_little": ("剩余 {megabytes} MB", "清理空间，或调低 stores.readings_max_mb"),
        "disk_good": ("剩余 {megabytes} MB", ""),
        "stores_sizes": ("{sizes}", ""),
        "secret_lost": ("{file} 无法读取", "放回该文件，只允许网关用户读取"),
        "secret_open": ("{file} 可被其他用户读取", "chmod 600 {file}"),
        "secrets_good": ("密钥文件齐全且未对他人开放", ""),
        "supervisor_absent": ("systemd 中没有 gridwarden-edge 单元", "没有守护，网关卡死时无人重启"),
        "unit_inactive": (
            "单元状态为 {state}",
            "systemctl start gridwarden-edge；journalctl -u gridwarden-edge",
        ),
        "unit_unwatched": ("单元没有看门狗", "使用随附的单元文件（WatchdogSec=60）"),
        "unit_good": ("单元运行中且有看门狗；重启 {restarts} 次", ""),
        "versions_differ": (
            "Python {python}；与锁定版本不符：{libraries}",
            "pip install --require-hashes -r requirements/edge.txt",
        ),
        "versions_good": ("Python {python}，依赖为锁定版本", ""),
    },
}


def put_into_words(finding: Finding, language: str) -> tuple[str, str]:
    """Return how it is and what to do; the second is empty where nothing is to be done."""
    said, advice = WORDS[language][finding.said]
    return said.format(**finding.values), advice.format(**finding.values)
