import sys,time,json,torch,numpy as np
from torch import nn
from torch.nn import functional as F
torch.set_num_threads(1)
from mm_perception.training import grounder as G
from mm_perception.training.grounder_batches import *
from mm_perception.training.data import load_clips, Crop
from mm_perception.training.vocabulary import make_tokenizer
from mm_perception.world.variety import Split
from transformers import Sam3Model
name=sys.argv[1]; kw=json.loads(sys.argv[2]); B=int(sys.argv[3]); cpu=float(sys.argv[4]); lr=float(sys.argv[5]) if len(sys.argv)>5 else 1e-3
tok=make_tokenizer(16)
import os
clips=load_clips(Split.TRAIN,1200); inn=clips[1150:]; clips=clips[:1150]; held=load_clips(Split.HELD_OUT,60)
cfg=G.nano_config(len(tok),**kw)
torch.manual_seed(0)
cfg._attn_implementation='eager'
model=Sam3Model(cfg)
for m in model.modules():
    if isinstance(m,(nn.Linear,nn.Conv2d,nn.ConvTranspose2d,nn.Embedding)): m.reset_parameters()
v=model.vision_encoder
NP={k:round(sum(p.numel() for p in getattr(model,k).parameters())/1e6,3) for k in('vision_encoder','text_encoder','geometry_encoder','detr_encoder','detr_decoder','mask_decoder','dot_product_scoring')}
print(name,NP,flush=True)
side=kw.get('side',240);patch=kw.get('patch',12);scales=kw.get('scales',(4,2,1,.5));stride=int(patch/scales[0])
C=kw.get('channels',64)
ncls=len(KINDS)+1; ncol=len(COLOURS)+1
heads=nn.ModuleList(nn.Conv2d(C,ncls+ncol+1+4,1) for _ in scales[:-1])
s=Sampler(clips,tok,16,side,stride); sh=Sampler(held,tok,16,side,stride); si=Sampler(inn,tok,16,side,stride)

if name.startswith('CNN'):
    class Blk(nn.Module):
        def __init__(self,a,b,st):
            super().__init__(); self.c1=nn.Conv2d(a,b,3,st,1,bias=False); self.n1=nn.BatchNorm2d(b); self.c2=nn.Conv2d(b,b,3,1,1,bias=False); self.n2=nn.BatchNorm2d(b)
            self.sk=nn.Conv2d(a,b,1,st) if a!=b or st>1 else nn.Identity()
        def forward(self,x): return F.relu(self.n2(self.c2(F.relu(self.n1(self.c1(x)))))+self.sk(x))
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem=nn.Sequential(nn.Conv2d(3,32,4,4),nn.BatchNorm2d(32),nn.ReLU())
            self.s1=Blk(32,64,1); self.s2=nn.Sequential(Blk(64,96,2),Blk(96,96,1)); self.s3=nn.Sequential(Blk(96,160,2),Blk(160,160,1)); self.s4=nn.Sequential(Blk(160,192,2),Blk(192,192,1))
            self.l=nn.ModuleList(nn.Conv2d(c,64,1) for c in(64,96,160,192)); self.o=nn.ModuleList(nn.Conv2d(64,64,3,1,1) for _ in range(3))
        def forward(self,x):
            a=self.s1(self.stem(x)); b=self.s2(a); c=self.s3(b); d=self.s4(c)
            p=[l(t) for l,t in zip(self.l,(a,b,c,d))]
            r=[None]*4; r[3]=p[3]
            for i in(2,1,0): r[i]=self.o[i](p[i]+F.interpolate(r[i+1],scale_factor=2))
            class O: fpn_hidden_states=r
            return O
    v=Net(); print(sum(p.numel() for p in v.parameters())/1e6)
def dense(x):
    out=v(x).fpn_hidden_states[:-1]
    y=None
    for h,f in zip(reversed(heads),reversed(out)):
        o=h(f).float()
        y=o if y is None else F.interpolate(y,size=o.shape[-2:],mode='bilinear')+o
    return y
def loss(b):
    y=dense(b.pixels)
    k,c,e,r=y.split([ncls,ncol,1,4],1)
    on=(b.kinds>0)
    w=torch.where(on,FG,1.0)
    lk=(F.cross_entropy(k,b.kinds,reduction='none')*w).sum()/w.sum()
    lc=(F.cross_entropy(c,b.colours,reduction='none')*on).sum()/on.sum().clamp(min=1)
    ks=b.kinds[:,None].float(); ed=(F.max_pool2d(ks,3,1,1)!=-F.max_pool2d(-ks,3,1,1)).float()
    le=F.binary_cross_entropy_with_logits(e,ed)
    lr_=((r-b.reach).abs().mean(1)*on).sum()/on.sum().clamp(min=1)
    return lk+lc*.5+le+2*lr_, (lk,lc,le,lr_)
params=list(v.parameters())+list(heads.parameters())
opt=torch.optim.AdamW(params,lr=lr,weight_decay=.05)
rng=np.random.default_rng(0)
import os
FG=float(os.environ.get('FG','1'))

def evalset(cl):
    out=[]
    for c in cl:
        for f in (0,4):
            crop=Crop((0,0,c.rgb.shape[2],c.rgb.shape[1]),side)
            ids=crop.labels(c.ids[f],side)[stride//2::stride,stride//2::stride]
            out.append((normalised(crop.picture(c.rgb[f])),ids,c.things))
    return out
from mm_perception.training.data import normalised
VAL=evalset(held); VIN=evalset(inn)
def score(S):
    ok=[];okc=[];pix=[];joint=[];iou={}
    v.eval()
    for i in range(0,len(S),8):
        part=S[i:i+8]
        with torch.no_grad(): y=dense(torch.from_numpy(np.stack([p[0] for p in part])))
        k=y[:,:ncls].argmax(1).numpy(); c=y[:,ncls:ncls+ncol]; cc=c.argmax(1).numpy()
        for j,(_,ids,things) in enumerate(part):
            for t in things:
                m=ids==t.instance
                if m.sum()*stride*stride<90: continue
                kk=KINDS.index(t.kind)+1
                share=(k[j][m]==kk).mean(); pix.append(share); ok.append(share>.5)
                if t.colour: okc.append((cc[j][m]==list(COLOURS).index(t.colour)+1).mean()>.5); joint.append(ok[-1] and okc[-1])
            kind_of=np.zeros(256,int)
            for t in things: kind_of[t.instance]=KINDS.index(t.kind)+1
            tk=kind_of[ids]
            for q in set(tk.ravel())-{0}:
                if (tk==q).sum()*stride*stride>=90: iou.setdefault(q,[]).append(((tk==q)&(k[j]==q)).sum()/((tk==q)|(k[j]==q)).sum())
    v.train()
    r=lambda x: round(float(np.mean(x)),3)
    return dict(n=len(ok),obj=r(ok),pix=r(pix),col=r(okc),joint=r(joint),iou=r([x for l in iou.values() for x in l]))
ck='/tmp/gck_%s.pt'%name; CH=float(os.environ.get('CHUNK','110'))
t0=time.process_time();w0=time.time();n=0;acc=[];tb=0;n0=0
if os.path.exists(ck):
    st=torch.load(ck,weights_only=False); v.load_state_dict(st['v']); heads.load_state_dict(st['h']); opt.load_state_dict(st['o']); n=n0=st['n']; t0-=st['t']; rng=np.random.default_rng(n)
ts=time.process_time()
est=None
while time.process_time()-t0<cpu and time.process_time()-ts<CH:
    frac=(time.process_time()-t0)/cpu
    for g in opt.param_groups: g['lr']=lr*min(1,(n+1)/30)*(0.02+.98*.5*(1+np.cos(np.pi*frac)))
    t=time.process_time(); b=s.batch(rng,Phase(1,B,0)); tb+=time.process_time()-t
    with torch.autocast('cpu',torch.bfloat16): l,p=loss(b)
    opt.zero_grad(); l.backward(); nn.utils.clip_grad_norm_(params,1.0); opt.step(); n+=1
    acc.append([x.item() for x in p])
    if n%200==0: print(n,round(time.process_time()-t0,1),np.round(np.mean(acc[-200:],0),3),flush=True)
tot=time.process_time()-t0
torch.save(dict(v=v.state_dict(),h=heads.state_dict(),o=opt.state_dict(),n=n,t=tot),ck)
print(name,'steps',n,'t',round(tot),'cpu/step',round((time.process_time()-ts)/(n-n0),3),'batch',round(tb/n,3),'wall/step',round((time.time()-w0)/n,3),'HELD',score(VAL),'IN',score(VIN),flush=True)
