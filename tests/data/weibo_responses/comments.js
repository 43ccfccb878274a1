// saved from the browser
let pages = ['https://m.example/comments/hotflow?id=4806111732961615'];
let comments = {
  "ok": 1,
  "data": {"data": [
    {"created_at": "Thu Aug 25 08:00:00 +0800 2022", "id": "4806262000000000", "rootid": "4806262000000000", "floor_number": 1, "text": "回复<a href='/n/拾穗'>@拾穗</a>:贴膏药&amp;早睡", "user": {"id": 1700000161, "screen_name": "老膏药", "followers_count": 38},
     "like_count": 61, "total_number": 1, "comments": [
       {"created_at": "Thu Aug 25 08:05:00 +0800 2022", "id": "4806263300000000", "rootid": "4806262000000000", "text": "贴了，更疼", "user": {"id": 1700000151, "screen_name": "拾穗"}, "comments": false}]}
  ]}
};
let older = {"data": {"data": [
    {"id": 4806264000000000, "created_at": "08-25", "source": "", "user": {"id": 1700000162, "screen_name": "路过"}, "text": "同疼", "reply_id": 4806262000000000, "reply_text": "贴膏药", "like_counts": 0}]}};
let long = {"ok": 1, "data": {"ok": 1, "longTextContent": "一大段没有主人的话"}};
