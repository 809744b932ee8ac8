import sys,time,json,torch,warnings
torch.set_num_threads(1)
from torch import nn
from mm_perception.training import grounder as G
from transformers import Sam3Model
kw=json.loads(sys.argv[1]); B=int(sys.argv[2])
c=G.nano_config(80,**kw); c._attn_implementation=sys.argv[3]; m=Sam3Model(c).vision_encoder
x=torch.randn(B,3,kw['side'],kw['side'])
def step():
    with torch.autocast('cpu',torch.bfloat16):
        o=m(x).fpn_hidden_states[:-1]; l=sum(t.float().pow(2).mean() for t in o)
    l.backward()
step()
t=time.process_time(); step(); step(); print('step',(time.process_time()-t)/2)
with torch.profiler.profile() as p: step()
print(p.key_averages().table(sort_by='self_cpu_time_total',row_limit=int(sys.argv[4]),max_name_column_width=50))
