import numpy as np, cv2, time
from mm_perception.training.data import load_clips
from mm_perception.world.variety import Split
clips=load_clips(Split.HELD_OUT,60)
areas=[];res={}
for c in clips:
    for f in (0,4):
        ids=c.ids[f]
        for t in c.things:
            m=ids==t.instance
            a=m.sum()
            if a==0: continue
            areas.append(a)
            if a<70: continue
            for S,st in((192,4),(192,2),(224,4),(256,4),(256,2),(240,3),(256,8)):
                n=S//st
                small=cv2.resize(m.astype(np.float32),(n,n),interpolation=cv2.INTER_AREA)
                big=cv2.resize(small,m.shape[::-1],interpolation=cv2.INTER_LINEAR)>.5
                iou=(big&m).sum()/max((big|m).sum(),1)
                res.setdefault((S,st),[]).append((a,iou))
areas=np.array(areas);print(len(areas),np.percentile(areas,[5,10,25,50,75,90]),(areas>=60).mean(),(areas>=100).mean(),(areas>=150).mean(),(areas>=250).mean())
for k,v in res.items():
    v=np.array(v);print(k,'all>=70 %.3f'%v[:,1].mean(),'>=100 %.3f'%v[v[:,0]>=100,1].mean(),'>=250 %.3f'%v[v[:,0]>=250,1].mean(), '70..150 %.3f'%v[v[:,0]<150,1].mean())
from collections import Counter
print(Counter(t.kind for c in clips for t in c.things)); print(Counter(t.colour for c in clips for t in c.things))
print(np.mean([len(c.things) for c in clips]))
