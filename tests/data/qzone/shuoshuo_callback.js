_preloadCallback({"code":0,"total":1,"msglist":[{"tid":"fixture0000000000000005","uin":800000011,"name":"风车巷","created_time":1300000000,"content":"[ffg,#ff0000]桥修通了[/ffg]","cmtnum":0}]});
