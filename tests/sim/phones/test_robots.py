"""Group robots: signatures, quotas, what comes beyond them."""

import pytest

GROUPS = {"wecom_robot": "企业微信群", "dingtalk": "钉钉群", "feishu": "飞书群"}
CODES = {"wecom_robot": 45009, "dingtalk": 130101, "feishu": 11232}
MOST = {"wecom_robot": 20, "dingtalk": 20, "feishu": 100}
BAD = {"wecom_robot": 40008, "dingtalk": 40035, "feishu": 9499}


def code_of(answer):
    return answer.get("errcode", answer.get("code"))


@pytest.mark.parametrize("provider", GROUPS)
async def test_a_robot_takes_its_quota_and_refuses_the_rest(sender, provider):
    codes = [code_of(await sender.robot(provider)) for _ in range(MOST[provider] + 1)]
    assert codes == [0] * MOST[provider] + [CODES[provider]]
    assert len(await sender.on_phone(GROUPS[provider])) == MOST[provider]
    await sender.wait(61)
    again = code_of(await sender.robot(provider))
    assert again == (CODES["dingtalk"] if provider == "dingtalk" else 0)
    await sender.wait(600)
    assert code_of(await sender.robot(provider)) == 0, "DingTalk blocks for ten minutes, not for ever"


@pytest.mark.parametrize("provider", GROUPS)
async def test_a_robot_refuses_an_empty_message(sender, provider):
    assert code_of(await sender.robot(provider, "")) == BAD[provider]


async def test_a_robot_knows_its_own_address_and_signature(sender):
    body = {"msgtype": "text", "text": {"content": "x"}}
    answer = await sender.http.post("/cgi-bin/webhook/send", params={"key": "other"}, json=body)
    assert answer.json()["errcode"] == 93000
    query = {"access_token": sender.network.accounts.dingtalk_token, "timestamp": "1", "sign": "x"}
    assert (await sender.http.post("/robot/send", params=query, json=body)).json()["errcode"] == 310000
    answer = await sender.http.post("/robot/send", params={"access_token": "x"}, json=body)
    assert answer.json()["errcode"] == 300001
    hook = f"/open-apis/bot/v2/hook/{sender.network.accounts.feishu_token}"
    assert (await sender.http.post(hook, json={"timestamp": "1", "sign": "x"})).json()["code"] == 19021
    assert (await sender.http.post("/open-apis/bot/v2/hook/other", json={})).json()["code"] == 19001
