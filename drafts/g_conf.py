import sys; sys.argv=['x','CNN','{"side":256,"patch":16,"width":256,"heads":8,"window":16}','4','0.001','1e-3']
import os; os.environ['FG']='5'; os.environ['CHUNK']='0'
exec(open('/tmp/g_dense.py').read().split('t0=time.process_time();w0')[0])
st=torch.load('/tmp/gck_CNN.pt',weights_only=False); v.load_state_dict(st['v']); heads.load_state_dict(st['h']); v.eval()
print('eval mode HELD',score(val),'IN',score(vin))
names=('none',*KINDS)
for nm,vv in(('HELD',val),('IN',vin)):
    with torch.no_grad(): y=torch.cat([dense(p) for p in vv.pixels.split(8)])
    k=y[:,:ncls].argmax(1)
    print(nm,'bg acc',((k==0)&(vv.kinds==0)).sum().item()/(vv.kinds==0).sum().item())
    for q in range(1,ncls):
        m=vv.kinds==q
        if m.sum()>30:
            c=torch.bincount(k[m],minlength=ncls); o=c.argsort(descending=True)[:4]
            print(' ',names[q],m.sum().item(),[(names[i],round(c[i].item()/m.sum().item(),2)) for i in o])
